"""Datasets that are joined with themselves are told before the first step."""

import pytest

from segkit.cli.main import main
from segkit.config import load_config
from segkit.training.repeated_datasets import repeated_datasets
from tests.helpers.tiny import tiny_yaml

ONE, OTHER = "{type: shapes, length: 3}", "{type: shapes, length: 3, seed: 1}"


@pytest.mark.parametrize(
    ("dataset", "found"),
    [
        (f"{{type: concat, datasets: [{ONE}, {OTHER}]}}", []),
        (f"{{type: concat, datasets: [{ONE}, {OTHER}, {ONE}]}}", [("datasets.2", "datasets.0")]),
        (
            f"{{type: concat, datasets: [{ONE}, {{type: concat, datasets: [{OTHER}, {OTHER}]}}]}}",
            [("datasets.1.datasets.1", "datasets.1.datasets.0")],
        ),
    ],
)
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_dataset_that_is_joined_with_itself(tmp_path, split, dataset, found):
    (tmp_path / "x.yaml").write_text(tiny_yaml())
    place = f"data.{split}.dataset"
    assert list(repeated_datasets(load_config(tmp_path / "x.yaml", [f"{place}={dataset}"]))) == [
        f"{place}.{later}: the same dataset as {place}.{first}: its images count twice" for later, first in found
    ]


def test_check_and_training_say_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(tiny_yaml())
    twice = f"data.val.dataset={{type: concat, datasets: [{ONE}, {ONE}]}}"
    for words in (["check", "x.yaml", twice], ["train", "x.yaml", "--output", "run", twice, "training.steps=1"]):
        assert main(words) == 0
        said = capsys.readouterr()
        assert "data.val.dataset.datasets.1: the same dataset as data.val.dataset.datasets.0" in said.out + said.err
