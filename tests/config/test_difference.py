"""What differs between two configs."""

import pytest

from segkit.config import load_config
from segkit.config.difference import differences
from tests.helpers.fake_parts import CONFIG


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "x.yaml").write_text(CONFIG)


def test_a_config_does_not_differ_from_itself():
    assert list(differences(load_config("x.yaml"), load_config("x.yaml"))) == []


def test_the_spelling_makes_no_difference():
    assert list(differences(load_config("x.yaml"), load_config("x.yaml", ["criterion.losses.0.weight=5.0"]))) == []


def test_each_value_with_its_origin():
    right = load_config(
        "x.yaml",
        [
            "model.backbone.name=large",
            "criterion.matcher={type: hungarian}",
            "data.train.dataset.size=[64, 64]",
            "training.seed=0",
            "postprocessors=[]",
        ],
    )
    assert list(differences(load_config("x.yaml", ["criterion.matcher.class_cost=3"]), right)) == [
        "model.backbone.name",
        "  - small  # x.yaml:3",
        "  + large  # <command line>",
        "criterion.matcher.class_cost",
        "  - 3.0  # <command line>",
        "  + 2.0  # x.yaml:7",
        "data.train.dataset.size",
        "  - [32, 48]  # x.yaml:13",
        "  + [64, 64]  # <command line>",
        "training.seed",
        "  + 0  # <command line>",
        "postprocessors",
        "  + []  # <command line>",
    ]


def test_a_list_of_parts_differs_part_by_part():
    right = load_config("x.yaml", ["criterion.losses=[{type: dice, weight: 5}]"])
    assert list(differences(load_config("x.yaml"), right)) == [
        "criterion.losses.1.type",
        "  - focal  # x.yaml:10",
        "criterion.losses.1.alpha",
        "  - 0.3  # x.yaml:10",
    ]
