"""The first commands of docs/own-data.md, from a folder to predictions: each runs as it is printed."""

import re
from pathlib import Path

import pytest

from segkit.cli.main import main
from tests.cli.test_init_data import TINY
from tests.helpers import dataset_folders
from tests.helpers.command_lines import simple_commands
from tests.helpers.overrides import last_ones
from tests.helpers.pages import ROOT

SECTION = (ROOT / "docs/own-data.md").read_text(encoding="utf-8").split("\n## ")[1]


@pytest.mark.filterwarnings("ignore")
def test_from_a_folder_to_predictions(tmp_path, monkeypatch, capsys):
    """Trainings are cut to two steps of a tiny model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGKIT_DATASETS", raising=False)
    dataset_folders.cvat_coco(Path("datasets/pets"))
    (block,) = re.findall(r"```bash\n(.*?)```", SECTION, flags=re.DOTALL)
    commands = simple_commands(block)
    assert [words[1] for words in commands] == ["init-data", "check", "train", "train", "test", "predict"]
    for program, *words in commands:
        assert program == "segkit"
        assert main(last_ones([*words, *(TINY if words[0] == "train" else [])])) == 0, capsys.readouterr().err
    assert len(list(Path("predictions").rglob("00000*"))) >= 6


def test_the_example_of_penn_fudan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dataset_folders.penn_fudan(Path("PennFudanPed"))
    (command,) = re.findall(r"`segkit (init-data [^`]* --classes person)`", SECTION)
    assert main(command.split()) == 0
    assert "things (1): person" in capsys.readouterr().out
