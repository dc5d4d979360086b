"""Settings that have no effect on a backbone with `frozen: true`."""

from segkit.config.rule import Rule, beside, holder
from segkit.config.written import Written

TIMM = ("timm", "vit_pyramid")
"""The backbones whose `options` are those of timm."""


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


FROZEN_RULES = (
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
