"""Parts and sections that are missing, unknown or of the wrong kind: full messages with locations."""

import pytest

from segkit.config.sections import CriterionSection, Experiment, Split, TrainingSplit
from tests.helpers.fake_parts import keys_of

MODEL = """\
model:
  type: mask_former
  backbone: {type: tiny, name: small}
  pixel_decoder: {type: fpn}
  transformer_decoder: {type: standard}
"""
TINY = "name, pretrained, width, depths, stages, norm, options, frozen"


SECTIONS = keys_of(Experiment)
SPLIT, TRAINING_SPLIT = keys_of(Split), keys_of(TrainingSplit)


def with_backbone(settings: str) -> str:
    return f"model:\n  type: per_pixel\n  backbone: {{type: tiny, name: a, {settings}}}\n"


def with_losses(losses: str) -> str:
    return f"{MODEL}criterion:\n  losses: {losses}\n"


def with_train(train: str) -> str:
    return f"{MODEL}data:\n  train: {train}\n"


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
    "type is not a string": (
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
        "x.yaml:5: model.backbone: backbone 'tiny' needs 'name', a string. Add it.",
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
        f"x.yaml:6: trainin: a config takes no 'trainin'. Did you mean 'training'? It takes: {SECTIONS}",
    ),
    "unknown key of a section": (
        with_train("{dataset: {type: shapes}, batchsize: 3}"),
        "x.yaml:7: data.train.batchsize: data.train takes no 'batchsize'. Did you mean 'batch_size'? "
        f"It takes: {TRAINING_SPLIT}",
    ),
    "section as a number": (
        f"{MODEL}data: 3\n",
        "x.yaml:6: data: must be a mapping with the keys train, val, not 3.",
    ),
    "injected": (
        MODEL.replace("standard", "standard, num_classes: 150"),
        "x.yaml:5: model.transformer_decoder.num_classes: segkit supplies 'num_classes' of a transformer "
        "decoder itself. Remove this line.",
    ),
    "injected elsewhere": (
        f"{MODEL}  num_classes: 150\n",
        "x.yaml:6: model.num_classes: segkit supplies 'num_classes' of a model itself. Remove this line.",
    ),
    "part without settings": (
        with_losses("[{type: dice, eps: 1}]"),
        "x.yaml:7: criterion.losses.0.eps: loss 'dice' takes no 'eps'. It takes: weight",
    ),
    "part without any settings": (
        f"{MODEL}evaluators: [{{type: mean_iou, classes: 3}}, {{type: mean_iou, x: 3}}]\n",
        "x.yaml:6: evaluators.0.classes: segkit supplies 'classes' of an evaluator itself. Remove this line.",
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
    "weight elsewhere": (
        with_train("{dataset: {type: shapes}, transforms: [{type: flip, weight: 1}]}"),
        "x.yaml:7: data.train.transforms.0.weight: transform 'flip' takes no 'weight'. It takes: probability",
    ),
    "parts inside a part": (
        with_train("{dataset: {type: shapes}, transforms: [{type: some_of, transforms: [{type: flap}]}]}"),
        "x.yaml:7: data.train.transforms.0.transforms.0.type: there is no transform 'flap'. Did you mean 'flip'? "
        "There are: flip, some_of",
    ),
    "part as a list": (
        MODEL.replace("{type: fpn}", "[{type: fpn}]"),
        "x.yaml:4: model.pixel_decoder: must be a mapping with a type, such as {type: fpn}, not a list.",
    ),
    "part without a space": (
        "model:\n  type:per_pixel\n",
        "x.yaml:2: model: must be a mapping with a type, such as {type: mask_former}, not 'type:per_pixel'. "
        "Put a space after the ':'.",
    ),
    "part of no name": (
        "model: {type: ''}",
        "x.yaml:1: model.type: there is no model ''. There are: mask_former, per_pixel",
    ),
    "part of an unknown provider": (
        "model: {type: acme/per_pixel}",
        "x.yaml:1: model.type: there is no model 'acme/per_pixel'. Did you mean 'per_pixel'? "
        "There are: mask_former, per_pixel",
    ),
    "part with a line break in its name": (
        'model: {type: "per\\npixel"}',
        "x.yaml:1: model.type: there is no model 'per pixel'. Did you mean 'per_pixel'? "
        "There are: mask_former, per_pixel",
    ),
    "model inside a model": (
        "model:\n  type: per_pixel\n  backbone: {type: mask_former}\n",
        "x.yaml:3: model.backbone.type: there is no backbone 'mask_former'. There are: plain, tiny. "
        "'mask_former' is a model",
    ),
    "two injected": (
        MODEL.replace("{type: fpn}", "{type: fpn, features: [1]}").replace("standard", "standard, mask_dim: 2"),
        "x.yaml:4: model.pixel_decoder.features: segkit supplies 'features' of a pixel decoder itself. "
        "Remove this line.",
        "x.yaml:5: model.transformer_decoder.mask_dim: segkit supplies 'mask_dim' of a transformer decoder itself. "
        "Remove this line.",
    ),
    "all that a section needs": (
        f"{MODEL}training: {{}}\n",
        "x.yaml:6: training: training needs 'steps', an integer. Add it.",
        "x.yaml:6: training: training needs 'optimizer', an optimizer. Add it.",
        "x.yaml:6: training: training needs 'schedule', a schedule. Add it.",
    ),
    "setting that a part needs, of the wrong type": (
        f"{MODEL}training: {{steps: 1, optimizer: {{type: adamw}}, schedule: {{type: poly, power: high}}}}\n",
        "x.yaml:6: training.optimizer: optimizer 'adamw' needs 'learning_rate', a number. Add it.",
        "x.yaml:6: training.schedule.power: must be a number, not 'high'.",
    ),
    "key with dots": (
        "model.backbone.width: 3\n",
        "x.yaml:1: a config needs 'model', a model. Add it.",
        "x.yaml:1: model.backbone.width: a config takes no 'model.backbone.width'. "
        f"Write model: {{backbone: {{width: …}}}}. It takes: {SECTIONS}",
    ),
    "several unknown keys": (
        f"{MODEL}seed: 3\nlr: 1\n'model ': 2\n'': 3\n",
        f"x.yaml:6: seed: a config takes no 'seed'. It takes: {SECTIONS}",
        f"x.yaml:7: lr: a config takes no 'lr'. It takes: {SECTIONS}",
        f"x.yaml:8: model : a config takes no 'model '. Did you mean 'model'? It takes: {SECTIONS}",
        f"x.yaml:9: a config takes no ''. It takes: {SECTIONS}",
    ),
    "sections of the wrong type": (
        f"{MODEL}data: {{train: [], val: shapes}}\ncriterion: dice\n",
        f"x.yaml:6: data.train: must be a mapping with the keys {TRAINING_SPLIT}, not a list.",
        f"x.yaml:6: data.val: must be a mapping with the keys {SPLIT}, not 'shapes'.",
        f"x.yaml:7: criterion: must be a mapping with the keys {keys_of(CriterionSection)}, not 'dice'.",
    ),
    "section without a space": (
        f"{MODEL}data:\n  train:3\n",
        "x.yaml:7: data: must be a mapping with the keys train, val, not 'train:3'. Put a space after the ':'.",
    ),
    "list of parts without a space": (
        f"{MODEL}evaluators:\n  -mean_iou\n",
        "x.yaml:7: evaluators: must be a list of evaluators, such as [{type: mean_iou}], not '-mean_iou'. "
        "Put a space after the '-'.",
    ),
    "every item of a list of parts": (
        with_train("{dataset: {type: shapes}, transforms: [flip, {type: dice}, {}, null, [], {type: flip, p: 1}]}"),
        "x.yaml:7: data.train.transforms.0: must be a mapping with a type, such as {type: flip}, not 'flip'.",
        "x.yaml:7: data.train.transforms.1.type: there is no transform 'dice'. There are: flip, some_of. "
        "'dice' is a loss",
        "x.yaml:7: data.train.transforms.2: this transform has no type. Add one of: flip, some_of",
        "x.yaml:7: data.train.transforms.3: must be a mapping with a type, such as {type: flip}, not null.",
        "x.yaml:7: data.train.transforms.4: must be a mapping with a type, such as {type: flip}, not a list.",
        "x.yaml:7: data.train.transforms.5.p: transform 'flip' takes no 'p'. It takes: probability",
    ),
    "parts missing inside a part": (
        with_train("{dataset: {type: shapes}, transforms: [{type: some_of}]}"),
        "x.yaml:7: data.train.transforms.0: transform 'some_of' needs 'transforms', a list of transforms. Add it.",
    ),
    "plugins as null": (f"{MODEL}plugins:\n", "x.yaml:6: plugins: must be a list of strings, not null."),
    "plugins as text": (f"{MODEL}plugins: a.py\n", "x.yaml:6: plugins: must be a list of strings, not 'a.py'."),
    "plugins as numbers": (f"{MODEL}plugins: [3]\n", "x.yaml:6: plugins.0: must be a string, not 3. Put it in quotes."),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_reported_where_it_stands(case, problems_of):
    text, *expected = WRONG[case]
    lines = problems_of(text)
    assert lines == expected


def test_a_line_is_cut(problems_of):
    """A key of megabytes would fill the screen."""
    (line,) = problems_of(f"{MODEL}? {'k' * 30_000}\n: 1\n")
    assert line == f"x.yaml:6: {'k' * 19_990}…"
