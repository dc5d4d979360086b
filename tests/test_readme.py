"""What the README prints is what works: its YAML checks, its Python runs, its commands and parts exist."""

import re
from pathlib import Path

import pytest
import yaml

import segkit
from segkit.cli.main import commands
from segkit.registries import REGISTRIES
from segkit.registries.discovery import own_candidates

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_every_yaml_block_is_a_config_that_checks(tmp_path, monkeypatch):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    assert blocks("yaml")
    for index, text in enumerate(blocks("yaml")):
        file = tmp_path / f"block_{index}.yaml"
        file.write_text(text)
        segkit.load_config(file)


def test_the_python_block_runs(tmp_path, monkeypatch):
    from PIL import Image

    from segkit.cli.main import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    Image.new("RGB", (160, 120), "skyblue").save("street.jpg")
    short = ["training.steps=1", "data.train.workers=0", "data.val.workers=0", "data.val.limit=2"]
    assert main(["train", "configs/quickstart.yaml", *short]) == 0
    (code,) = blocks("python")
    names = {}
    exec(code, names)
    assert names["result"].segment_map.shape == (120, 160)


def test_the_commands_are_all_there():
    for line in "\n".join(blocks("bash")).splitlines():
        for script in re.findall(r"tools/\w+\.py", line):
            assert (ROOT / script).is_file()
        for config in re.findall(r" (configs/\S+\.yaml)", line):
            assert (ROOT / config).is_file()
    assert set(re.findall(r"^\| `segkit ([\w-]+)", README, flags=re.MULTILINE)) == set(commands())


def test_ci_runs_the_commands_as_printed():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for block in blocks("bash"):
        first = block.partition("\n")[0]
        assert f"run_from_readme '{first}'" in ci


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.plural)
def test_the_table_of_parts_names_every_part(registry):
    row = re.search(rf"^\| {registry.plural} \| (.*) \|$", README, flags=re.MULTILINE)
    assert row, f"the table has no row for {registry.plural}"
    assert sorted(re.findall(r"`(\w+)`", row[1])) == [candidate.name for candidate in own_candidates(registry.plural)]


def test_configs_named_in_the_text_exist():
    for config in set(re.findall(r"(?<!/)configs/[\w/]+\.yaml", README)):
        assert yaml.safe_load((ROOT / config).read_text()) is not None
