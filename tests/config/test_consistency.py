"""Settings that contradict each other or have no effect are refused, where they were written."""

import pytest
import yaml
from torch import nn

from segkit.config import load_config
from segkit.config.compose import compose
from segkit.config.consistency import RULES
from segkit.config.overrides import parse_overrides
from segkit.config.plain import plain
from segkit.config.source import dump, read_file
from segkit.errors import ConfigError
from segkit.registries import MODELS
from tests.helpers.tiny import tiny_yaml, write_tiny

STEPS = "Set that, or remove this line."
CASES = {
    "a head without a checkpoint": (
        ["reset_head=true"],
        "reset_head: has no effect without `init_from`, whose class head it resets. Set init_from, or leave this out.",
        ["init_from=runs/x"],
    ),
    "no losses": (
        ["criterion.losses=[]"],
        "criterion.losses: the list is empty, so there is nothing to learn. Name at least one loss, such as "
        "{type: cross_entropy}.",
        ["criterion.losses=[{type: cross_entropy}]"],
    ),
    "classes of no checkpoint": (
        ["class_map={a: b}"],
        "class_map: has no effect without `init_from`, whose classes it names. Set init_from, or leave this out.",
        ["init_from=runs/x"],
    ),
    "classes that all start anew": (
        ["init_from=runs/x", "class_map={a: b}", "reset_head=true"],
        "class_map: contradicts `reset_head: true`, which initializes all classes anew. Remove one of both.",
        ["reset_head=false"],
    ),
    "random weights from a file": (
        ["model.backbone.pretrained=false", "model.backbone.weights=a.pth"],
        "model.backbone.weights: contradicts `pretrained: false`. Remove one of both: the file holds weights to start "
        "from.",
        ["model.backbone.pretrained=true"],
    ),
    "features of a backbone that learns": (
        ["training.hooks=[{type: feature_cache, folder: a}]"],
        "training.hooks.0: this hook has no effect without `model.backbone.frozen: true`: the features of a backbone "
        "that learns change with every step. Set that, or remove the hook.",
        ["model.backbone.frozen=true"],
    ),
    "features of a model without a backbone": (
        [
            "model={type: whole}",
            "training.hooks=[{type: feature_cache, folder: a}]",
        ],
        "training.hooks.0: this hook has no effect: it keeps the features of `model.backbone`, and this model has no "
        "such part. Remove the hook, or choose a model with one, such as mask_former.",
        ["training.hooks=[]"],
    ),
    "features of images that never come again": (
        [
            "model.backbone.frozen=true",
            "training.hooks=[{type: feature_cache, folder: a}]",
            "data.train.transforms=[{type: random_flip}, {type: random_crop, size: [8, 8]}]",
        ],
        "data.train.transforms.1: the hook 'feature_cache' has no effect beside this transform, which hardly ever "
        "gives the same image twice. Remove one of both.",
        ["data.train.transforms=[{type: random_flip}]"],
    ),
    "features of colors that never come again": (
        [
            "model.backbone.frozen=true",
            "training.hooks=[{type: feature_cache, folder: a}]",
            "data.train.transforms=[{type: torchvision, name: RandomHorizontalFlip}, {type: torchvision, name: "
            "ColorJitter}]",
        ],
        "data.train.transforms.1: the hook 'feature_cache' has no effect beside this transform, which hardly ever "
        "gives the same image twice. Remove one of both.",
        ["data.train.transforms=[{type: torchvision, name: RandomHorizontalFlip}]"],
    ),
    "batch norms of a frozen backbone": (
        ["model.backbone.frozen=true", "model.backbone.freeze_batch_norm=true"],
        "model.backbone.freeze_batch_norm: has no effect beside `frozen: true`, which keeps batch norms as they are "
        "too. Set it to false.",
        ["model.backbone.frozen=false"],
    ),
    "memory of a frozen backbone": (
        ["model.backbone.frozen=true", "model.backbone.gradient_checkpointing=true"],
        "model.backbone.gradient_checkpointing: has no effect beside `frozen: true`: nothing of the backbone is stored "
        "for a backward pass. Set it to false.",
        ["model.backbone.gradient_checkpointing=false"],
    ),
    "dropped paths of a frozen backbone": (
        ["model.backbone.frozen=true", "model.backbone.options.drop_path_rate=0.1"],
        "model.backbone.options.drop_path_rate: has no effect beside `frozen: true`: a frozen backbone drops nothing. "
        "Remove it, or set it to 0.",
        ["model.backbone.options.drop_path_rate=0"],
    ),
    "classes of queries that are not used": (
        ["model.transformer_decoder.class_head=true"],
        "model.transformer_decoder.class_head: has no effect: a per-pixel model has no use for the classes of queries. "
        "Set it to false.",
        ["model.transformer_decoder.class_head=false"],
        "per_pixel with queries",
    ),
    "no classes of queries": (
        ["model.transformer_decoder.class_head=false"],
        "model.transformer_decoder.class_head: must be true: this model needs the class of each query. Remove this "
        "line, or use the model 'per_pixel'.",
        ["model.transformer_decoder.class_head=true"],
    ),
    "a query loss of a per-pixel model": (
        ["criterion.losses=[{type: dice}]"],
        "criterion.losses.0: this loss needs a model with queries, but this model predicts the class of each pixel. "
        "Use the loss 'pixel_cross_entropy', or a model with queries such as 'mask_former'.",
        ["criterion.losses=[{type: pixel_cross_entropy}]"],
        "per_pixel",
    ),
    "a per-pixel loss of a query model": (
        ["criterion.losses=[{type: pixel_cross_entropy}]"],
        "criterion.losses.0: this loss needs a per-pixel model, but this model predicts masks of queries. Use the "
        "losses 'cross_entropy', 'focal' and 'dice', or a per-pixel model such as 'per_pixel'.",
        ["criterion.losses=[{type: dice}]"],
    ),
    "a loss without a matcher": (
        ["criterion={losses: [{type: dice}], matcher: null}"],
        "criterion.losses.0: this loss needs a matcher. Set `criterion.matcher`, such as {type: hungarian}.",
        ["criterion.matcher={type: hungarian}"],
    ),
    "a matcher without queries": (
        ["criterion.matcher={type: hungarian}"],
        "criterion.matcher: has no effect: this model predicts the class of each pixel, so there are no queries to "
        "match. Remove it.",
        ["criterion.matcher=null"],
        "per_pixel",
    ),
    "points of masks that are not compared": (
        ["criterion.matcher={type: hungarian, num_points: 9, mask_cost: 0, dice_cost: 0.0}"],
        "criterion.matcher.num_points: has no effect, since the costs of masks that it is for are 0. Remove it.",
        ["criterion.matcher.dice_cost=1"],
    ),
    "a loss of masks without a cost": (
        ["criterion.matcher={type: hungarian, mask_loss: focal, mask_cost: 0, dice_cost: 1}"],
        "criterion.matcher.mask_loss: has no effect, since the costs of masks that it is for are 0. Remove it.",
        ["criterion.matcher.mask_cost=1"],
    ),
    "void of a per-pixel model": (
        ["criterion.void=ignore"],
        "criterion.void: has no effect: a per-pixel model never learns from void pixels. Remove it.",
        None,
        "per_pixel with queries",
    ),
    "deep supervision of one layer": (
        ["criterion.deep_supervision=false", "model.transformer_decoder.num_layers=1"],
        "criterion.deep_supervision: has no effect: this model has a single layer of predictions. Remove it.",
        ["model.transformer_decoder.num_layers=2"],
    ),
    "deep supervision without a decoder": (
        ["criterion.deep_supervision=true"],
        "criterion.deep_supervision: has no effect: this model has a single layer of predictions. Remove it.",
        None,
        "per_pixel",
    ),
    "points without mask losses": (
        ["criterion.losses=[{type: cross_entropy}]", "criterion.points=100"],
        "criterion.points: has no effect: none of the losses compares masks, as 'focal' and 'dice' do. Remove it.",
        ["criterion.losses=[{type: cross_entropy}, {type: dice}]"],
    ),
    "compilation without mask losses": (
        ["criterion.compile=true"],
        "criterion.compile: has no effect: only mask losses are compiled, as 'focal' and 'dice' are, and there is "
        "none. Remove it.",
        ["criterion.compile=false"],
        "per_pixel",
    ),
    "candidates without points": (
        ["criterion.oversample_ratio=2"],
        "criterion.oversample_ratio: has no effect without `criterion.points`, the number of points. "
        "Set that, or remove this line.",
        ["criterion.points=100"],
    ),
    "importance without points": (
        ["criterion.importance_ratio=0.5"],
        "criterion.importance_ratio: has no effect without `criterion.points`, the number of points. "
        "Set that, or remove this line.",
        ["criterion.points=100"],
    ),
    "candidates of which none is taken": (
        ["criterion.points=9", "criterion.importance_ratio=0", "criterion.oversample_ratio=2"],
        "criterion.oversample_ratio: has no effect with `importance_ratio: 0`: no points are selected by uncertainty. "
        "Remove one of both.",
        ["criterion.importance_ratio=0.1"],
    ),
    "two postprocessors of a type": (
        ["postprocessors=[{type: semantic}, {type: panoptic}, {type: panoptic, score_threshold: 0.1}]"],
        "postprocessors.2: the list has a part of this type already, and only one of a type can be used. Remove one of "
        "both.",
        ["postprocessors=[{type: semantic}, {type: panoptic}]"],
    ),
    "two evaluators of a type": (
        ["evaluators=[{type: mean_iou}, {type: mean_iou}]"],
        "evaluators.1: the list has a part of this type already, and only one of a type can be used. Remove one of "
        "both.",
        ["evaluators=[{type: mean_iou}]"],
    ),
    "objects of a per-pixel model": (
        ["postprocessors=[{type: semantic}, {type: instance}]"],
        "postprocessors.1: this postprocessor needs a model with queries, but this model predicts the class of each "
        "pixel, and no objects. Use the postprocessor 'semantic', or a model with queries such as 'mask_former'.",
        ["postprocessors=[{type: semantic}]"],
        "per_pixel",
    ),
    "a flip in evaluation": (
        ["data.val.transforms=[{type: random_flip}]"],
        "data.val.transforms.0: an evaluation changes the image alone: its result would no longer lie where the "
        "target lies. Resize instead.",
        ["data.val.transforms=[{type: resize, size: [32, 32]}]"],
    ),
    "a rotation in evaluation": (
        ["data.val.transforms=[{type: torchvision, name: RandomRotation}]"],
        "data.val.transforms.0: an evaluation changes the image alone: its result would no longer lie where the "
        "target lies. Resize instead.",
        ["data.val.transforms=[{type: torchvision, name: Grayscale}]"],
    ),
    "a window in evaluation": (
        ["data.val.transforms=[{type: resize, size: [32, 32]}, {type: random_window}]"],
        "data.val.transforms.1: an evaluation changes the image alone: its result would no longer lie where the "
        "target lies. Resize instead.",
        ["data.val.transforms=[{type: pad, size: [32, 32]}]"],
    ),
    "a color of padding in evaluation": (
        ["data.val.transforms=[{type: pad, size: [32, 32], fill: [1, 2, 3]}]"],
        "data.val.transforms.0.fill: has no effect: in an evaluation, what pads an image is no part of it. Remove it.",
        ["data.val.transforms=[{type: pad, size: [32, 32]}]"],
    ),
    "a limit without a dataset": (
        ["data.val.dataset=null", "evaluators=[]"],
        "data.val.workers: has no effect without `data.val.dataset`. Name a dataset, or remove this line.",
        ["data.val=null"],
    ),
    "a timeout without workers": (
        ["data.train.timeout=60", "data.train.workers=0"],
        "data.train.timeout: has no effect without `data.train.workers`: this process loads the data itself. Remove "
        "it.",
        ["data.train.timeout=60", "data.train.workers=1"],
    ),
    "an evaluation without evaluators": (
        ["evaluators=[]"],
        "data.val.dataset: an evaluation needs `evaluators`. Name at least one, such as {type: mean_iou}, or set "
        "`data.val: null`.",
        ["data.val=null"],
    ),
    "a metric without an evaluation": (
        ["training.best_metric=pq", "data.val=null"],
        "training.best_metric: has no effect without `data.val`: nothing is evaluated. Name a dataset to evaluate on, "
        "or set this to null.",
        ["training.best_metric=null"],
    ),
    "classes of no evaluation": (
        ["training.log_classes=true", "data.val=null"],
        "training.log_classes: has no effect without `data.val`: nothing is evaluated. Name a dataset to evaluate on, "
        "or set it to false.",
        ["training.log_classes=false"],
    ),
    "losses without weight": (
        ["criterion.losses=[{type: cross_entropy, weight: 0}, {type: dice, weight: 0.0}]"],
        "criterion.losses: every loss has the weight 0, so nothing is learned. Give at least one a weight above 0.",
        ["criterion.losses.1.weight=1"],
    ),
    "a matcher without costs": (
        ["criterion.matcher={type: hungarian, class_cost: 0, mask_cost: 0, dice_cost: 0}"],
        "criterion.matcher: all costs are 0, so queries are matched with segments by chance. Give at least one a value "
        "above 0.",
        ["criterion.matcher.dice_cost=1"],
    ),
    "no learning rate": (
        ["training.optimizer.lr=0"],
        "training.optimizer.lr: with a learning rate of 0, nothing is learned. Set one above 0.",
        ["training.optimizer.lr=1e-5"],
    ),
    "early stopping after the last step": (
        ["training.hooks=[{type: early_stopping, patience: 3}]"],
        "training.hooks.0: this hook has no effect without `training.evaluate_every`: only the last step is evaluated. "
        "Set that, or remove the hook.",
        ["training.evaluate_every=1"],
    ),
    "an average that is never evaluated": (
        ["training.hooks=[{type: ema}]", "data.val=null"],
        "training.hooks.0: this hook has no effect without `data.val`: nothing is evaluated. Name a dataset to "
        "evaluate on, or remove the hook.",
        ["training.hooks=[{type: tensorboard}]"],
    ),
    "two averages": (
        ["training.hooks=[{type: ema}, {type: ema, decay: 0.5}]"],
        "training.hooks.1: the list has a hook of this type already, and only one of a type can be used. Remove one of "
        "both.",
        ["training.hooks=[{type: ema}, {type: tensorboard}]"],
    ),
    "checkpoints that are not written": (
        ["training.keep_checkpoints=5", "training.checkpoint_every=null"],
        "training.keep_checkpoints: has no effect with `training.checkpoint_every: null`: only the last step is saved. "
        "Remove one of both.",
        ["training.checkpoint_every=1"],
    ),
    "a milestone after the end": (
        ["training.schedule={type: multi_step, milestones: [2, 4]}"],
        "training.schedule.milestones.1: has no effect: the training ends before this step, at `training.steps`. "
        "Remove it, or raise training.steps.",
        ["training.steps=5"],
    ),
    "a fall of the rate that never comes": (
        ["training.schedule={type: multi_step, milestones: [], gamma: 0.5}"],
        "training.schedule.gamma: has no effect without `milestones`, the steps at which the learning rate falls. Add "
        "one, or remove this line.",
        ["training.schedule.milestones=[1]"],
    ),
    "the start of a warm-up that there is not": (
        ["training.schedule={type: poly, warmup_factor: 0.1, warmup_steps: 0}"],
        "training.schedule.warmup_factor: has no effect without `warmup_steps`, the length of the warm-up. Set that, "
        "or remove this line.",
        ["training.schedule.warmup_steps=1"],
    ),
}
"""case -> overrides of a tiny config, the one problem, what mends it (None: nothing but removing it), and the model."""


@pytest.fixture(autouse=True)
def _fake_parts():
    """The rules are about segkit's own parts, so here the registries hold these."""


def problems_of(file, overrides):
    try:
        load_config(file, overrides)
    except ConfigError as error:
        return str(error).splitlines()
    return []


class Whole(nn.Module):
    """A model without a part `backbone`."""

    size_divisor = 4

    def __init__(self, num_classes: int) -> None:
        super().__init__()


@pytest.fixture(autouse=True)
def whole():
    MODELS.register("whole")(Whole)
    yield
    # Not `isolated`: the cases need segkit's own models too.
    for candidate in [one for one in MODELS._registered if one.name == "whole"]:
        del MODELS._registered[candidate]


@pytest.mark.parametrize("case", CASES)
def test_a_broken_rule(case, tmp_path):
    overrides, problem, mended, *model = CASES[case]
    file = write_tiny(tmp_path, *model)
    found = [line.partition(": ")[2] for line in problems_of(file, overrides)]
    assert found == [problem]
    if mended is not None:
        file.write_text(dump(plain(compose(read_file(str(file)), parse_overrides(overrides)))))
        assert problems_of(file, mended) == []


def test_every_rule_has_a_case():
    messages = [NOTHING_EVALUATED, *(problem.partition(": ")[2] for _, problem, *_ in CASES.values())]
    for rule in RULES:
        begins = rule.message.partition("{")[0]
        assert any(message.startswith(begins) for message in messages), (
            f"no case breaks the rule on {rule.settings}. Add one to CASES in tests/config/test_consistency.py."
        )


def test_problems_of_all_kinds_are_reported_at_once(tmp_path):
    file = write_tiny(tmp_path)
    assert problems_of(file, ["training.stepz=3", "training.best_metric=pq", "data.val=null", "reset_head=true"]) == [
        "<command line>: training.stepz: training takes no 'stepz'. Did you mean 'steps'? It takes: steps, optimizer, "
        "schedule, precision, accumulate, clip_gradients, sync_batch_norm, on_nonfinite, evaluate_every, "
        "checkpoint_every, keep_checkpoints, best_metric, log_every, log_classes, hooks, seed, compile",
        "<command line>: reset_head: has no effect without `init_from`, whose class head it resets. Set init_from, or "
        "leave this out.",
        "<command line>: training.best_metric: has no effect without `data.val`: nothing is evaluated. Name a dataset "
        "to evaluate on, or set this to null.",
    ]


def test_a_setting_that_is_wrong_by_itself_is_reported_once(tmp_path):
    assert problems_of(write_tiny(tmp_path), ["training.keep_checkpoints=0"]) == [
        "<command line>: training.keep_checkpoints: must be at least 1, not 0."
    ]


NOTHING_EVALUATED = "has no effect without `data.val`. Name a dataset to evaluate on, or set `data.val: null`."


def test_evaluators_without_data_are_refused_where_nobody_has_said_so(tmp_path):
    """`data.val: null` says that nothing is to be evaluated. The training tells it once more."""
    file = write_tiny(tmp_path)
    assert problems_of(file, ["data.val=null"]) == []
    lines = tiny_yaml().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("  val:")))
    line = next(number for number, one in enumerate(lines, start=1) if one.startswith("evaluators")) - 1
    assert problems_of(file, []) == [f"{file}:{line}: evaluators.{index}: {NOTHING_EVALUATED}" for index in (0, 1)]


def test_null_and_defaults_are_no_problem(tmp_path):
    nothing = ["training.keep_checkpoints=null", "criterion.points=null", "reset_head=false", "criterion.compile=false"]
    assert problems_of(write_tiny(tmp_path), nothing[1:]) == []


def test_a_run_of_an_earlier_version_loads_and_overrides_are_checked(tmp_path):
    """The config of a run or checkpoint may hold settings without effect that an earlier version accepted."""
    (tmp_path / "run").mkdir()
    config = yaml.safe_load(tiny_yaml().replace("log_every: 1", "keep_checkpoints: 7\n  checkpoint_every: null"))
    (tmp_path / "run/config.yaml").write_text(yaml.safe_dump(config))
    assert problems_of(tmp_path / "run", []) == []
    assert len(problems_of(tmp_path / "run/config.yaml", [])) == 1
    assert len(problems_of(tmp_path / "run", ["training.hooks=[{type: early_stopping, patience: 3}]"])) == 1
