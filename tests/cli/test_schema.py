"""`segkit schema`, and the schema that the configs of this repository name."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from segkit.cli.main import main
from segkit.config.plain import plain
from segkit.config.source import read_file
from segkit.registries.discovery import Candidate

CONFIGS = Path(__file__).parents[2] / "configs"
SCHEMA = CONFIGS / "schema.json"
FILES = sorted(CONFIGS.rglob("*.yaml"))


WITHOUT_PLUGINS = """\
import sys
from unittest import mock
from segkit.cli.main import main
with mock.patch("segkit.registries.registry.declared_candidates", return_value=()):
    sys.exit(main(["schema", "--output", sys.argv[1]]))
"""


def test_the_schema_beside_the_configs_is_up_to_date(tmp_path):
    # In a process of its own, in which no other test has registered parts.
    subprocess.run([sys.executable, "-c", WITHOUT_PLUGINS, tmp_path / "schema.json"], check=True)
    assert (tmp_path / "schema.json").read_text() == SCHEMA.read_text(), (
        "run: segkit schema --output configs/schema.json"
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONFIGS)))
def test_every_config_is_valid_and_names_the_schema(file):
    assert [error.message for error in Draft7Validator(json.loads(SCHEMA.read_text())).iter_errors(_data(file))] == []
    named = re.search(r"^# yaml-language-server: \$schema=(.*)$", file.read_text(), re.MULTILINE)
    assert named is not None, "an editor finds the schema by a line '# yaml-language-server: $schema=…'"
    assert named[1] == os.path.relpath(SCHEMA, file.parent)


def _data(file: Path) -> dict:
    return plain(read_file(str(file)))


@pytest.mark.usefixtures("fake_parts")
def test_parts_of_local_files_are_in_it(tmp_path, capsys):
    (tmp_path / "my_schema_parts.py").write_text(
        "from segkit import LOSSES\n\n\n@LOSSES.register('mine')\ndef mine(*, width: int = 3): ...\n"
    )
    assert main(["schema", "--plugin", str(tmp_path / "my_schema_parts.py")]) == 0
    assert "losses.mine" in json.loads(capsys.readouterr().out)["definitions"]


@pytest.mark.usefixtures("fake_parts")
def test_broken_parts_are_left_out_and_reported(capsys, monkeypatch):
    candidate = Candidate("dense", "acme-segkit", "0.1", "gone_altogether", "Dense")
    monkeypatch.setattr(
        "segkit.registries.registry.declared_candidates", lambda group: (candidate,) if group == "segkit.losses" else ()
    )
    assert main(["schema"]) == 0
    captured = capsys.readouterr()
    assert "losses.dense" not in json.loads(captured.out)["definitions"]
    assert captured.err == (
        "left out: loss 'dense' of acme-segkit 0.1 (gone_altogether:Dense) fails to import: ModuleNotFoundError: "
        "No module named 'gone_altogether'. Update or uninstall acme-segkit.\n"
    )
