"""Settings that contradict each other, or that have no effect beside the others: a table of rules.

A rule looks at what the config sets. Defaults break no rule, since nobody wrote them. A problem stands at the line that
someone would remove or change.
"""

from collections.abc import Callable, Iterator

from segkit.config.frozen_rules import FROZEN_RULES
from segkit.config.learning_rules import LEARNING_RULES
from segkit.config.nodes import Mapping, Problem
from segkit.config.rule import Rule, beside, holder
from segkit.config.written import Written

TURN_OR_CROP = ("random_crop", "random_flip", "random_window")
"""Transforms that move the image against its target where they see the image alone."""
_SINGLE = ("early_stopping", "ema", "feature_cache", "tensorboard")
"""Hooks of which a second one has no effect."""


def inconsistencies(tree: Mapping) -> Iterator[Problem]:
    """Yields a problem for each setting of a config that breaks a rule."""
    config = Written(tree)
    for rule in RULES:
        for pattern in rule.settings:
            for path in config.matching(pattern):
                if rule.broken(config, path):
                    # Messages are formatted, so a literal brace in them is written twice.
                    message = rule.message.format(holder=holder(path))
                    yield Problem(config.origin(path), path, message)


def _without(other: str) -> Callable[[Written, str], bool]:
    return lambda config, path: other not in config


def _predicts(config: Written, name: str) -> bool:
    """Whether the model is known to give predictions of this class."""
    # A plugin's model need not say what it predicts. No rule is broken then.
    prediction_type = getattr(config.part("model"), "prediction_type", None)
    return getattr(prediction_type, "__name__", None) == name


def _per_pixel(config: Written, path: str = "") -> bool:
    return _predicts(config, "PixelPrediction")


def _input_types(config: Written) -> list[str | None]:
    """Returns what each loss takes; None where that shows only once it is built."""
    return [getattr(config.part(path), "input_type", None) for path in config.items("criterion.losses")]


def _no_mask_loss(config: Written, path: str) -> bool:
    known = _input_types(config)
    # A property of an instance, as a plugin may have it, is not among the three.
    return bool(known) and all(one in ("classes", "prediction") for one in known)


def _is_query_loss(config: Written, path: str) -> bool:
    return getattr(config.part(path), "input_type", None) in ("classes", "masks")


def _one_layer(config: Written, path: str) -> bool:
    # Another decoder may have more layers than its `num_layers`.
    decoder = "model.transformer_decoder"
    if decoder not in config:
        return _per_pixel(config)
    return config.is_part(decoder, "standard") and config.value(f"{decoder}.num_layers") == 1


def _trains(config: Written) -> bool:
    return "training" in config and "data" in config


def _repeats(config: Written, path: str) -> bool:
    """Whether an earlier item of the list has the same type."""
    # The first of a type is not refused.
    return config.first_of_types(holder(path)).get(config.value(f"{path}.type")) != path


def _moves(config: Written, path: str) -> bool:
    """Whether a transform of torchvision moves the image, or is random."""
    name = str(config.value(f"{path}.name"))
    moves = name.startswith("Random") or name in ("CenterCrop", "ElasticTransform", "Pad", "ScaleJitter")
    return moves and config.is_part(path, "torchvision")


def _never_reached(config: Written, path: str) -> bool:
    milestone, steps = config.number(path), config.number("training.steps")
    return milestone is not None and steps is not None and milestone >= steps


RULES = (
    Rule(
        ("reset_head",),
        lambda config, path: config.value(path) is True and "init_from" not in config,
        "has no effect without `init_from`, whose class head it resets. Set init_from, or leave this out.",
    ),
    Rule(
        ("class_map",),
        _without("init_from"),
        "has no effect without `init_from`, whose classes it names. Set init_from, or leave this out.",
    ),
    Rule(
        ("class_map",),
        lambda config, path: config.value("reset_head") is True,
        "contradicts `reset_head: true`, which initializes all classes anew. Remove one of both.",
    ),
    # The model.
    Rule(
        ("model.backbone.weights",),
        lambda config, path: config.is_part(holder(path), "timm") and beside(config, path, "pretrained") is False,
        "contradicts `pretrained: false`. Remove one of both: the file holds weights to start from.",
    ),
    Rule(
        ("model.transformer_decoder.class_head",),
        lambda config, path: config.value(path) is True and _per_pixel(config),
        "has no effect: a per-pixel model has no use for the classes of queries. Set it to false.",
    ),
    Rule(
        ("model.transformer_decoder.class_head",),
        lambda config, path: config.value(path) is False and _predicts(config, "Prediction"),
        "must be true: this model needs the class of each query. Remove this line, or use the model 'per_pixel'.",
    ),
    *FROZEN_RULES,
    *LEARNING_RULES,
    # The criterion.
    Rule(
        ("criterion.losses",),
        lambda config, path: not config.items(path),
        "the list is empty, so there is nothing to learn. Name at least one loss, such as {{type: cross_entropy}}.",
    ),
    Rule(
        ("criterion.losses.*",),
        lambda config, path: _is_query_loss(config, path) and _per_pixel(config),
        "this loss needs a model with queries, but this model predicts the class of each pixel. Use the loss "
        "'pixel_cross_entropy', or a model with queries such as 'mask_former'.",
    ),
    Rule(
        ("criterion.losses.*",),
        lambda config, path: config.is_part(path, "pixel_cross_entropy") and _predicts(config, "Prediction"),
        "this loss needs a per-pixel model, but this model predicts masks of queries. Use the losses 'cross_entropy', "
        "'focal' and 'dice', or a per-pixel model such as 'per_pixel'.",
    ),
    Rule(
        ("criterion.losses.*",),
        lambda config, path: (
            _is_query_loss(config, path) and not _per_pixel(config) and "criterion.matcher" not in config
        ),
        "this loss needs a matcher. Set `criterion.matcher`, such as {{type: hungarian}}.",
    ),
    Rule(
        ("criterion.matcher",),
        _per_pixel,
        "has no effect: this model predicts the class of each pixel, so there are no queries to match. Remove it.",
    ),
    Rule(
        ("criterion.matcher.num_points", "criterion.matcher.mask_loss"),
        lambda config, path: (
            config.is_part(holder(path), "hungarian")
            and beside(config, path, "mask_cost") == 0
            and (path.endswith("mask_loss") or beside(config, path, "dice_cost") == 0)
        ),
        "has no effect, since the costs of masks that it is for are 0. Remove it.",
    ),
    Rule(
        ("criterion.void",),
        _per_pixel,
        "has no effect: a per-pixel model never learns from void pixels. Remove it.",
    ),
    Rule(
        ("criterion.deep_supervision",),
        _one_layer,
        "has no effect: this model has a single layer of predictions. Remove it.",
    ),
    Rule(
        ("criterion.points",),
        _no_mask_loss,
        "has no effect: none of the losses compares masks, as 'focal' and 'dice' do. Remove it.",
    ),
    Rule(
        ("criterion.compile",),
        lambda config, path: config.value(path) is True and _no_mask_loss(config, path),
        "has no effect: only mask losses are compiled, as 'focal' and 'dice' are, and there is none. Remove it.",
    ),
    Rule(
        ("criterion.oversample_ratio", "criterion.importance_ratio"),
        _without("criterion.points"),
        "has no effect without `criterion.points`, the number of points. Set that, or remove this line.",
    ),
    Rule(
        ("criterion.oversample_ratio",),
        lambda config, path: "criterion.points" in config and config.value("criterion.importance_ratio") == 0,
        "has no effect with `importance_ratio: 0`: no points are selected by uncertainty. Remove one of both.",
    ),
    # Results and evaluation.
    Rule(
        ("postprocessors.*", "evaluators.*"),
        _repeats,
        "the list has a part of this type already, and only one of a type can be used. Remove one of both.",
    ),
    Rule(
        ("postprocessors.*",),
        lambda config, path: config.is_part(path, "instance", "panoptic") and _per_pixel(config),
        "this postprocessor needs a model with queries, but this model predicts the class of each pixel, and no "
        "objects. Use the postprocessor 'semantic', or a model with queries such as 'mask_former'.",
    ),
    Rule(
        ("data.val.transforms.*",),
        lambda config, path: config.is_part(path, *TURN_OR_CROP) or _moves(config, path),
        "an evaluation changes the image alone: its result would no longer lie where the target lies. Resize instead.",
    ),
    Rule(
        ("data.val.transforms.*.fill",),
        lambda config, path: config.is_part(holder(path), "pad"),
        "has no effect: in an evaluation, what pads an image is no part of it. Remove it.",
    ),
    Rule(
        ("data.val.batch_size", "data.val.workers", "data.val.timeout", "data.val.limit"),
        _without("data.val.dataset"),
        "has no effect without `data.val.dataset`. Name a dataset, or remove this line.",
    ),
    Rule(
        ("data.*.timeout",),
        lambda config, path: beside(config, path, "workers") == 0,
        "has no effect without `{holder}.workers`: this process loads the data itself. Remove it.",
    ),
    Rule(
        ("data.val.dataset",),
        lambda config, path: _trains(config) and not config.items("evaluators"),
        "an evaluation needs `evaluators`. Name at least one, such as {{type: mean_iou}}, or set `data.val: null`.",
    ),
    Rule(
        ("evaluators.*",),
        lambda config, path: _trains(config) and not config.sets("data.val"),
        "has no effect without `data.val`. Name a dataset to evaluate on, or set `data.val: null`.",
    ),
    # The training.
    Rule(
        ("training.evaluate_every", "training.best_metric"),
        lambda config, path: _trains(config) and "data.val.dataset" not in config,
        "has no effect without `data.val`: nothing is evaluated. Name a dataset to evaluate on, or set this to null.",
    ),
    Rule(
        ("training.log_classes",),
        lambda config, path: config.value(path) is True and _trains(config) and "data.val.dataset" not in config,
        "has no effect without `data.val`: nothing is evaluated. Name a dataset to evaluate on, or set it to false.",
    ),
    Rule(
        ("training.hooks.*",),
        lambda config, path: (
            config.is_part(path, "ema", "early_stopping") and _trains(config) and "data.val.dataset" not in config
        ),
        "this hook has no effect without `data.val`: nothing is evaluated. Name a dataset to evaluate on, or remove "
        "the hook.",
    ),
    Rule(
        ("training.hooks.*",),
        lambda config, path: (
            config.is_part(path, "early_stopping")
            and "training.evaluate_every" not in config
            and (not _trains(config) or "data.val.dataset" in config)
        ),
        "this hook has no effect without `training.evaluate_every`: only the last step is evaluated. Set that, or "
        "remove the hook.",
    ),
    Rule(
        ("training.hooks.*",),
        lambda config, path: _repeats(config, path) and config.is_part(path, *_SINGLE),
        "the list has a hook of this type already, and only one of a type can be used. Remove one of both.",
    ),
    Rule(
        ("training.keep_checkpoints",),
        lambda config, path: config.sets("training.checkpoint_every") and "training.checkpoint_every" not in config,
        "has no effect with `training.checkpoint_every: null`: only the last step is saved. Remove one of both.",
    ),
    Rule(
        ("training.schedule.milestones.*",),
        _never_reached,
        "has no effect: the training ends before this step, at `training.steps`. Remove it, or raise training.steps.",
    ),
    Rule(
        ("training.schedule.gamma",),
        lambda config, path: (
            config.is_part(holder(path), "multi_step") and not config.items(f"{holder(path)}.milestones")
        ),
        "has no effect without `milestones`, the steps at which the learning rate falls. Add one, or remove this line.",
    ),
    Rule(
        ("training.schedule.warmup_factor",),
        lambda config, path: config.is_part(holder(path), "poly") and not beside(config, path, "warmup_steps"),
        "has no effect without `warmup_steps`, the length of the warm-up. Set that, or remove this line.",
    ),
)
"""All rules, by the order of a config's sections."""
