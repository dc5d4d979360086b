"""`segkit show`."""

import pytest

from segkit.cli.main import main
from segkit.config import load_config
from tests.helpers.fake_parts import CONFIG

SHOWN = """\
model:
  type: per_pixel   # base.yaml:1
  backbone:
    type: tiny      # x.yaml:2
    name: small     # <command line>
    depths:
      - 2           # x.yaml:2
      - 2           # x.yaml:2
    options: {}     # x.yaml:2
postprocessors: []  # x.yaml:3
"""


@pytest.fixture(autouse=True)
def _folder(fake_parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_value_has_its_origin_behind_it(tmp_path, capsys):
    (tmp_path / "base.yaml").write_text("model: {type: per_pixel, backbone: {type: plain, width: 3}}")
    backbone = "{type: tiny, name: a, depths: [2, 2], options: {}}"
    (tmp_path / "x.yaml").write_text(f"extends: base.yaml\nmodel: {{backbone: {backbone}}}\npostprocessors: []\n")
    assert main(["show", "x.yaml", "model.backbone.name=small"]) == 0
    assert capsys.readouterr().out == SHOWN


def test_what_is_shown_loads_to_the_same(tmp_path, capsys):
    (tmp_path / "x.yaml").write_text(CONFIG)
    overrides = ["model.backbone.options={a: \"x: y # z\\n\\nw\", 'b.c': [[], {}, {d: 1}], e: 'NO'}"]
    assert main(["show", "x.yaml", *overrides]) == 0
    (tmp_path / "y.yaml").write_text(capsys.readouterr().out)
    assert load_config("y.yaml").data == load_config("x.yaml", overrides).data


def test_a_wrong_config_is_not_shown(tmp_path, capsys):
    (tmp_path / "x.yaml").write_text("model: 3")
    assert main(["show", "x.yaml"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: x.yaml:1: model: must be a mapping with a type, such as {type: mask_former}, not 3.\n"


def test_what_differs_from_another_config(tmp_path, capsys):
    (tmp_path / "x.yaml").write_text(CONFIG)
    (tmp_path / "y.yaml").write_text("extends: x.yaml\ntraining: {steps: 20}\n")
    assert main(["show", "x.yaml", "training.steps=30", "--diff", "y.yaml"]) == 0
    assert capsys.readouterr().out == "training.steps\n  - 30  # <command line>\n  + 20  # y.yaml:2\n"
    assert main(["show", "x.yaml", "training.steps=20", "--diff", "y.yaml"]) == 0
    assert capsys.readouterr().out == ""
