"""`segkit batch`."""

import pytest

from segkit.cli.main import main
from segkit.config import load_config
from segkit.training.train import train
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    return train(load_config(write_tiny(folder), ["data.val=null", "training.steps=1"]), folder / "run", device="cpu")


def test_a_table_is_printed(run, tmp_path, capsys):
    capsys.readouterr()
    assert main(["batch", str(run), "--step", "1", "--output", str(tmp_path), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{run}: step 1 learned from 2 images; losses by {run}/checkpoints/step_1"
    assert lines[1].split() == [
        "process", "batch", "size", "segments", "total", "cross_entropy", "focal", "dice", "file"
    ]  # fmt: skip
    assert lines[2].split()[:4] == ["1", "0", "0", "64x64"]
    assert lines[-1] == f"drawn: {tmp_path}/step_1.png, {tmp_path}/step_1.json"
    assert (tmp_path / "step_1.png").is_file()


def test_a_step_that_the_training_does_not_have(run, capsys):
    assert main(["batch", str(run), "--step", "2"]) == 2
    assert capsys.readouterr().err == f"error: {run}: the training has no step 2. Its steps are 1 to 1.\n"


def test_a_file_in_the_place_of_the_folder(run, tmp_path, capsys):
    output = tmp_path / "drawn"
    output.touch()
    assert main(["batch", str(run), "--step", "1", "--output", str(output)]) == 1
    assert capsys.readouterr().err == f"error: {output}: cannot be written ({output} is not a folder).\n"
