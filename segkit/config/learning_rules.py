"""Settings with which a training would learn nothing."""

from segkit.config.rule import Rule
from segkit.config.written import Written

_COSTS = ("class_cost", "mask_cost", "dice_cost")


def _all_zero(config: Written, path: str) -> bool:
    losses = config.items(path)
    return bool(losses) and all(config.number(f"{loss}.weight") == 0 for loss in losses)


def _costless(config: Written, path: str) -> bool:
    return config.is_part(path, "hungarian") and all(config.number(f"{path}.{cost}") == 0 for cost in _COSTS)


LEARNING_RULES = (
    Rule(
        ("criterion.losses",),
        _all_zero,
        "every loss has the weight 0, so nothing is learned. Give at least one a weight above 0.",
    ),
    Rule(
        ("criterion.matcher",),
        _costless,
        "all costs are 0, so queries are matched with segments by chance. Give at least one a value above 0.",
    ),
    Rule(
        ("training.optimizer.lr",),
        lambda config, path: config.number(path) == 0,
        "with a learning rate of 0, nothing is learned. Set one above 0.",
    ),
)
