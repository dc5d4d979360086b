"""Configs against signatures: what is told, and where."""

from pathlib import Path

import pytest
from fake_parts import CONFIG

from segkit.config import load_config
from segkit.registries import BACKBONES, LOSSES, REGISTRIES

MODEL = """\
model:
  type: mask_former
  backbone: {type: tiny, name: small}
  pixel_decoder: {type: fpn}
  transformer_decoder: {type: standard}
"""
TINY = "name, pretrained, width, depths, stages, norm, options"


def with_backbone(settings: str) -> str:
    return f"model:\n  type: per_pixel\n  backbone: {{type: tiny, name: a, {settings}}}\n"


def with_losses(losses: str) -> str:
    return f"{MODEL}criterion:\n  losses: {losses}\n"


def with_train(train: str) -> str:
    return f"{MODEL}data:\n  train: {train}\n"


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


WRONG = {
    "misspelt setting": (
        with_backbone("nmae: b"),
        f"x.yaml:3: model.backbone.nmae: backbone 'tiny' takes no 'nmae'. Did you mean 'name'? It takes: {TINY}",
    ),
    "misspelt part": (
        "model:\n  type: per_pixel\n  backbone:\n    name: a\n    type: tny\n",
        "x.yaml:5: model.backbone.type: there is no backbone 'tny'. Did you mean 'tiny'? There are: plain, tiny",
    ),
    "kind of two words": (
        MODEL.replace("fpn", "fnp"),
        "x.yaml:4: model.pixel_decoder.type: there is no pixel decoder 'fnp'. Did you mean 'fpn'? "
        "There are: fpn, transformer_fpn",
    ),
    "part of another kind": (
        MODEL.replace("fpn", "hungarian"),
        "x.yaml:4: model.pixel_decoder.type: there is no pixel decoder 'hungarian'. "
        "There are: fpn, transformer_fpn. 'hungarian' is a matcher",
    ),
    "part of another kind with a vowel": (
        MODEL.replace("fpn", "adamw"),
        "x.yaml:4: model.pixel_decoder.type: there is no pixel decoder 'adamw'. "
        "There are: fpn, transformer_fpn. 'adamw' is an optimizer",
    ),
    "no type": (
        "model:\n  type: per_pixel\n  backbone:\n    name: a\n",
        "x.yaml:4: model.backbone: this backbone has no type. Add one of: plain, tiny",
    ),
    "type is no text": (
        "model: {type: [per_pixel]}",
        "x.yaml:1: model.type: must be the name of a model, not a list.",
    ),
    "type null": ("model: {type: null}", "x.yaml:1: model.type: must be the name of a model, not null."),
    "part as a name": (
        "model:\n  type: per_pixel\n  backbone: tiny\n",
        "x.yaml:3: model.backbone: must be a mapping with a type, such as {type: tiny}, not 'tiny'.",
    ),
    "part as a number": (
        "model:\n  type: per_pixel\n  backbone: 3\n",
        "x.yaml:3: model.backbone: must be a mapping with a type, such as {type: plain}, not 3.",
    ),
    "part as null": (
        "model:\n  type: per_pixel\n  backbone:\n",
        "x.yaml:3: model.backbone: must be a mapping with a type, such as {type: plain}, not null.",
    ),
    "model as null": (
        "model:",
        "x.yaml:1: model: must be a mapping with a type, such as {type: mask_former}, not null.",
    ),
    "missing model": (
        "\npostprocessors: []",
        "x.yaml:2: a config needs 'model', a model. Add it.",
    ),
    "missing nested part": (
        MODEL.replace("  pixel_decoder: {type: fpn}\n", ""),
        "x.yaml:2: model: model 'mask_former' needs 'pixel_decoder', a pixel decoder. Add it.",
    ),
    "missing setting": (
        "model:\n  type: per_pixel\n  backbone:\n    width: 1\n    type: tiny",
        "x.yaml:5: model.backbone: backbone 'tiny' needs 'name', text. Add it.",
    ),
    "missing in a section": (
        f"{MODEL}training:\n  steps: 3\n  schedule: {{type: poly}}\n",
        "x.yaml:6: training: training needs 'optimizer', an optimizer. Add it.",
    ),
    "missing list": (
        f"{MODEL}criterion:\n  void: ignore\n",
        "x.yaml:6: criterion: criterion needs 'losses', a list of losses. Add it.",
    ),
    "missing value in a section": (
        f"{MODEL}training: {{schedule: {{type: poly}}, optimizer: {{type: adamw, learning_rate: 1}}}}\n",
        "x.yaml:6: training: training needs 'steps', an integer. Add it.",
    ),
    "unknown section": (
        f"{MODEL}trainin: {{steps: 3}}\n",
        "x.yaml:6: trainin: a config takes no 'trainin'. Did you mean 'training'? It takes: model, criterion, "
        "postprocessors, data, evaluators, training, init_from, reset_head, plugins",
    ),
    "unknown key of a section": (
        with_train("{dataset: {type: shapes}, batchsize: 3}"),
        "x.yaml:7: data.train.batchsize: data.train takes no 'batchsize'. Did you mean 'batch_size'? "
        "It takes: dataset, transforms, batch_size, workers, limit",
    ),
    "section as a number": (
        f"{MODEL}data: 3\n",
        "x.yaml:6: data: must be a mapping of train, val, not 3.",
    ),
    "wired": (
        MODEL.replace("standard", "standard, num_classes: 150"),
        "x.yaml:5: model.transformer_decoder.num_classes: segkit itself supplies the 'num_classes' of a transformer "
        "decoder. Take this line out.",
    ),
    "wired elsewhere": (
        f"{MODEL}  num_classes: 150\n",
        "x.yaml:6: model.num_classes: segkit itself supplies the 'num_classes' of a model. Take this line out.",
    ),
    "part without settings": (
        with_losses("[{type: dice, eps: 1}]").replace("dice", "dice"),
        "x.yaml:7: criterion.losses.0.eps: loss 'dice' takes no 'eps'. It takes: weight",
    ),
    "part without any settings": (
        f"{MODEL}evaluators: [{{type: mean_iou, classes: 3}}, {{type: mean_iou, x: 3}}]\n",
        "x.yaml:6: evaluators.0.classes: segkit itself supplies the 'classes' of an evaluator. Take this line out.",
        "x.yaml:6: evaluators.1.x: evaluator 'mean_iou' takes no 'x'. It has no settings.",
    ),
    "list of parts as a mapping": (
        with_losses("{type: dice}"),
        "x.yaml:7: criterion.losses: must be a list of losses, such as [{type: dice}], not a mapping.",
    ),
    "list of parts as null": (
        with_losses(""),
        "x.yaml:7: criterion.losses: must be a list of losses, such as [{type: dice}], not null.",
    ),
    "item of a list of parts": (
        with_losses("[dice, {type: focal}]"),
        "x.yaml:7: criterion.losses.0: must be a mapping with a type, such as {type: dice}, not 'dice'.",
    ),
    "weight of a loss": (
        with_losses("[{type: dice, weight: heavy}]"),
        "x.yaml:7: criterion.losses.0.weight: must be a number, not 'heavy'.",
    ),
    "weight elsewhere": (
        with_train("{dataset: {type: shapes}, transforms: [{type: flip, weight: 1}]}"),
        "x.yaml:7: data.train.transforms.0.weight: transform 'flip' takes no 'weight'. It takes: probability",
    ),
    "parts inside a part": (
        with_train("{dataset: {type: shapes}, transforms: [{type: some_of, transforms: [{type: flap}]}]}"),
        "x.yaml:7: data.train.transforms.0.transforms.0.type: there is no transform 'flap'. Did you mean 'flip'? "
        "There are: flip, some_of",
    ),
    "type of a value": (
        with_backbone("pretrained: yes"),
        "x.yaml:3: model.backbone.pretrained: must be true or false, not 'yes'.",
    ),
    "length of a list": (
        with_backbone("depths: [1, 2, 3]"),
        "x.yaml:3: model.backbone.depths: must be a list of 2 integers, but has 3 items.",
    ),
    "item of a list": (
        with_backbone("stages: [1, 2.5]"),
        "x.yaml:3: model.backbone.stages.1: must be an integer, not 2.5.",
    ),
    "choice": (
        with_backbone("norm: bach"),
        "x.yaml:3: model.backbone.norm: must be one of 'batch', 'layer', not 'bach'. Did you mean 'batch'?",
    ),
    "value of a mapping": (
        with_losses("[{type: focal, class_weights: {car: 1, road: high}}]"),
        "x.yaml:7: criterion.losses.0.class_weights.road: must be a number, not 'high'.",
    ),
    "choice of a section": (
        f"{MODEL}criterion: {{losses: [], void: ignored}}\n",
        "x.yaml:6: criterion.void: must be one of 'negative', 'ignore', not 'ignored'. Did you mean 'ignore'?",
    ),
    "plugins as text": (f"{MODEL}plugins: a.py\n", "x.yaml:6: plugins: must be a list of texts, not 'a.py'."),
    "plugins as numbers": (f"{MODEL}plugins: [3]\n", "x.yaml:6: plugins.0: must be text, not 3. Put it in quotes."),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_where_it_stands(case, problems_of):
    text, *expected = WRONG[case]
    lines = problems_of(text)
    assert lines == expected


def test_all_problems_are_told_at_once_in_order_of_files_and_lines(tmp_path, problems_of):
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
        "criterion: {losses: [], matcher: null}\ndata: {train: null}\ntraining: null\n"
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
        "x.yaml:1: model.backbone.folder: backbone 'odd' asks here for Path, which YAML cannot give. Its author should "
        "annotate what YAML can.",
        f"x.yaml:1: model.backbone.later: {name}: the annotation of 'later' cannot be resolved (NameError: name "
        "'Elsewhere' is not defined). Import what it names at run time.",
    ]
    missing = problems_of("model: {type: per_pixel, backbone: {type: odd}}")
    assert missing == [
        "x.yaml:1: model.backbone: backbone 'odd' needs 'folder', a value. Add it.",
        "x.yaml:1: model.backbone: backbone 'odd' needs 'later', a value. Add it.",
    ]


def test_every_list_of_parts_takes_what_its_holder_reads():
    assert {registry.plural: registry.item_settings for registry in REGISTRIES if registry.item_settings} == {
        LOSSES.plural: {"weight": float}
    }
