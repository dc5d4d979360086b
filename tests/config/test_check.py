"""Configs against signatures: what is reported, and where."""

from pathlib import Path

from segkit.config import load_config
from segkit.registries import BACKBONES, LOSSES, REGISTRIES
from tests.helpers.fake_parts import CONFIG

MODEL = """\
model:
  type: mask_former
  backbone: {type: tiny, name: small}
  pixel_decoder: {type: fpn}
  transformer_decoder: {type: standard}
"""


def test_a_right_config_gives_its_values(tmp_path):
    (tmp_path / "x.yaml").write_text(CONFIG)
    config = load_config("x.yaml")
    assert config["model"] == {
        "type": "mask_former",
        "backbone": {"type": "tiny", "name": "small"},
        "pixel_decoder": {"type": "fpn"},
        "transformer_decoder": {"type": "standard", "num_queries": 20},
    }
    assert config["criterion"] == {
        "matcher": {"type": "hungarian", "class_cost": 2.0},
        "losses": [{"type": "dice", "weight": 5.0}, {"type": "focal", "alpha": 0.3}],
    }
    assert config["data"]["train"]["dataset"] == {"type": "shapes", "size": (32, 48)}
    assert type(config["criterion"]["losses"][0]["weight"]) is float


def test_all_problems_are_reported_at_once_in_order_of_files_and_lines(tmp_path, problems_of):
    (tmp_path / "base.yaml").write_text("model:\n  type: per_pixel\n  backbone: {type: tiny, name: 3}\n")
    lines = problems_of("extends: base.yaml\ntraining:\n  steps: x\n  sped: 1\ndata: []\n", "init_from=3", "model.x=1")
    assert [line.split(": ")[:2] for line in lines] == [
        ["<command line>", "model.x"],
        ["<command line>", "init_from"],
        ["base.yaml:3", "model.backbone.name"],
        ["x.yaml:2", "training"],
        ["x.yaml:2", "training"],
        ["x.yaml:3", "training.steps"],
        ["x.yaml:4", "training.sped"],
        ["x.yaml:5", "data"],
    ]


def test_parts_inside_an_unknown_part_are_checked_all_the_same(problems_of):
    lines = problems_of("model:\n  type: mask_fromer\n  backbone: {type: tiny, nme: a}\n")
    assert [line.split(": ")[1] for line in lines] == ["model.type", "model.backbone", "model.backbone.nme"]


def test_a_value_from_the_command_line_is_located_there(problems_of):
    assert problems_of(MODEL, "model.backbone.width=wide") == [
        "<command line>: model.backbone.width: must be a number, not 'wide'."
    ]


def test_characters_that_cannot_be_seen_are_spelled_out(problems_of):
    lines = problems_of(f'{MODEL}\xa0data: 3\n"trai\\nning": 3\n')
    assert lines[0].startswith("x.yaml:6: \\xa0data: a config takes no '\\xa0data'. Did you mean 'data'?")
    assert lines[1].startswith("x.yaml:7: trai\\nning: a config takes no 'trai ning'. Did you mean 'training'?")


def test_optional_parts_and_sections_may_be_null(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "model: {type: per_pixel, transformer_decoder: null, backbone: {type: plain}}\n"
        "criterion: {losses: [{type: dice}], matcher: null}\ndata: {train: null}\ntraining: null\n"
    )
    config = load_config("x.yaml")
    assert config["model"]["transformer_decoder"] is None
    assert config["criterion"]["matcher"] is None
    assert config["training"] is None


def test_settings_whose_annotation_yaml_cannot_serve_are_the_authors_fault(problems_of):
    def odd(*, folder: Path, later: "Elsewhere", anything=None) -> None: ...  # noqa: F821

    BACKBONES.register("odd")(odd)
    lines = problems_of("model: {type: per_pixel, backbone: {type: odd, folder: a, later: b, anything: [c]}}")
    name = f"{__name__}.test_settings_whose_annotation_yaml_cannot_serve_are_the_authors_fault.<locals>.odd"
    assert lines == [
        "x.yaml:1: model.backbone.folder: backbone 'odd' annotates this setting as Path, which YAML cannot "
        "express. Change the annotation.",
        f"x.yaml:1: model.backbone.later: {name}: the annotation of 'later' cannot be resolved (NameError: name "
        "'Elsewhere' is not defined). Import the names it uses at run time, not for type checkers only.",
    ]
    missing = problems_of("model: {type: per_pixel, backbone: {type: odd}}")
    assert missing == [
        "x.yaml:1: model.backbone: backbone 'odd' needs 'folder', a value. Add it.",
        "x.yaml:1: model.backbone: backbone 'odd' needs 'later', a value. Add it.",
    ]


def test_every_list_of_parts_takes_what_its_holder_reads():
    taken = {registry.plural: list(registry.item_settings) for registry in REGISTRIES if registry.item_settings}
    assert taken == {LOSSES.plural: ["weight"]}


def test_every_backbone_takes_what_segkit_reads_itself():
    taken = {registry.kind: list(registry.common_settings) for registry in REGISTRIES if registry.common_settings}
    assert taken == {BACKBONES.kind: ["frozen"]}


def test_what_a_new_type_has_dropped_is_reported_where_it_is_missed(problems_of, write):
    assert problems_of(MODEL, "model.type=per_pixel") == [
        "<command line>: model: model 'per_pixel' needs 'backbone', a backbone. Add it again: the new type replaced "
        "the mapping that set it in x.yaml:3."
    ]
    write({"base.yaml": MODEL})
    assert problems_of("extends: base.yaml\nmodel:\n  type: per_pixel\n", "model.pixel_mean=[1]") == [
        "<command line>: model.pixel_mean: model 'per_pixel' takes no 'pixel_mean'. It takes: backbone, "
        "transformer_decoder",
        "x.yaml:3: model: model 'per_pixel' needs 'backbone', a backbone. Add it again: the new type replaced the "
        "mapping that set it in base.yaml:3.",
    ]
