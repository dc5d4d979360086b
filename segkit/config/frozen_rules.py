"""Settings that have no effect on a backbone with `frozen: true`."""

from segkit.config.rule import Rule, beside, holder
from segkit.config.written import Written

TIMM = ("timm", "vit_pyramid")
"""The backbones whose `options` are those of timm."""

_NEVER_THE_SAME = ("photometric_distortion", "random_crop", "random_scale", "random_window")
_DRAWING = ("AugMix", "AutoAugment", "ColorJitter", "Elastic", "Gaussian", "JPEG", "Rand", "ScaleJitter", "TrivialAug")
_FLIPS = ("RandomHorizontalFlip", "RandomVerticalFlip")
"""Of torchvision's transforms with random outcome, those of two outcomes."""


def _set_beside_frozen(config: Written, path: str) -> bool:
    return (
        config.value(path) is True and beside(config, path, "frozen") is True and config.is_part(holder(path), "timm")
    )


def _drops(config: Written, path: str) -> bool:
    """Whether an option of timm is a rate of dropout, or of dropped paths or patches."""
    backbone = holder(holder(path))
    drops = path.endswith("drop_rate") or path.endswith("drop_path_rate")
    return (
        drops
        and bool(config.value(path))
        and config.value(f"{backbone}.frozen") is True
        and config.is_part(backbone, *TIMM)
    )


def _caches_nothing(config: Written, path: str) -> bool:
    return config.is_part(path, "feature_cache") and "model" in config and "model.backbone" not in config


def _caches_what_learns(config: Written, path: str) -> bool:
    frozen = config.value("model.backbone.frozen") is True
    return config.is_part(path, "feature_cache") and "model.backbone" in config and not frozen


def _never_the_same(config: Written, path: str) -> bool:
    """Whether a transform of segkit or torchvision draws an image that hardly ever comes again."""
    name = str(config.value(f"{path}.name"))
    draws = name.startswith(_DRAWING) and name not in _FLIPS
    cached = any(config.is_part(hook, "feature_cache") for hook in config.items("training.hooks"))
    return cached and (config.is_part(path, *_NEVER_THE_SAME) or (config.is_part(path, "torchvision") and draws))


FROZEN_RULES = (
    Rule(
        ("training.hooks.*",),
        _caches_nothing,
        "this hook has no effect: it keeps the features of `model.backbone`, and this model has no such part. Remove "
        "the hook, or choose a model with one, such as mask_former.",
    ),
    Rule(
        ("training.hooks.*",),
        _caches_what_learns,
        "this hook has no effect without `model.backbone.frozen: true`: the features of a backbone that learns change "
        "with every step. Set that, or remove the hook.",
    ),
    Rule(
        ("data.train.transforms.*",),
        _never_the_same,
        "the hook 'feature_cache' has no effect beside this transform, which hardly ever gives the same image twice. "
        "Remove one of both.",
    ),
    Rule(
        ("model.backbone.freeze_batch_norm",),
        _set_beside_frozen,
        "has no effect beside `frozen: true`, which keeps batch norms as they are too. Set it to false.",
    ),
    Rule(
        ("model.backbone.gradient_checkpointing",),
        _set_beside_frozen,
        "has no effect beside `frozen: true`: nothing of the backbone is stored for a backward pass. Set it to false.",
    ),
    Rule(
        ("model.backbone.options.*",),
        _drops,
        "has no effect beside `frozen: true`: a frozen backbone drops nothing. Remove it, or set it to 0.",
    ),
)
