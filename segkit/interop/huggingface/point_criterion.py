"""The criterion of their models whose masks are compared at points, by binary cross entropy and dice."""

from typing import Any

from segkit.interop.huggingface.fields import Fields

WEIGHTS = {"cross_entropy": "class", "binary_cross_entropy": "mask", "dice": "dice"}
"""Loss -> what its weight is called there."""
DEFAULTS = {"class": 2.0, "mask": 5.0, "dice": 5.0}


def read_point_criterion(fields: Fields) -> dict[str, Any]:
    """Returns the section `criterion` of a `config.json`. Their matcher uses the weights of the losses as its costs.

    Example:
        >>> from pathlib import Path
        >>> read_point_criterion(Fields({"dice_weight": 3}, Path("config.json")))["matcher"]["dice_cost"]
        3.0
    """
    weights = {key: fields.number(f"{key}_weight", value) for key, value in DEFAULTS.items()}
    points = fields.integer("train_num_points", 12544)
    losses = [{"type": name, "weight": weights[key]} for name, key in WEIGHTS.items() if weights[key] or key == "class"]
    losses[0]["no_object_weight"] = fields.number("no_object_weight", 0.1)
    criterion: dict[str, Any] = {"matcher": _matcher(weights, points), "losses": losses}
    if len(losses) == 1:
        return criterion
    return criterion | {
        "points": points,
        "oversample_ratio": fields.number("oversample_ratio", 3.0),
        "importance_ratio": fields.number("importance_sample_ratio", 0.75),
    }


def _matcher(weights: dict[str, float], points: int | None) -> dict[str, Any]:
    """The matcher that their losses go with. What would have no effect is left out, since segkit refuses it."""
    return {
        "type": "hungarian",
        **{f"{key}_cost": value for key, value in weights.items()},
        **({"mask_loss": "binary_cross_entropy"} if weights["mask"] else {}),
        **({"num_points": points} if weights["mask"] or weights["dice"] else {}),
    }


def point_criterion_json(config: Any) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings of their losses, and notes on what they cannot express.

    Args:
        config: The whole config, a `segkit.Config`. Without a criterion, the settings are transformers' defaults.

    Example:
        >>> from segkit.config import load_config
        >>> config = load_config("configs/quickstart.yaml")
        >>> settings, notes = point_criterion_json(config)
        >>> settings["dice_weight"], notes[0]
        (1.0, 'transformers does not have the losses focal')
    """
    section = config.experiment.criterion
    if section is None:
        return {**{f"{key}_weight": value for key, value in DEFAULTS.items()}, "no_object_weight": 0.1}, []
    losses = {loss["type"]: loss for loss in section.losses}
    weights = {key: losses[name].get("weight", 1.0) if name in losses else 0.0 for name, key in WEIGHTS.items()}
    settings = {
        **{f"{key}_weight": value for key, value in weights.items()},
        "no_object_weight": losses.get("cross_entropy", {}).get("no_object_weight", 0.1),
        "oversample_ratio": section.oversample_ratio,
        "importance_sample_ratio": section.importance_ratio,
    }
    settings |= {} if section.points is None else {"train_num_points": section.points}
    return settings, _notes(section, weights, sorted(losses.keys() - WEIGHTS.keys()))


def _notes(section: Any, weights: dict[str, float], others: list[str]) -> list[str]:
    notes = []
    if others:
        notes.append(f"transformers does not have the losses {', '.join(others)}")
    matcher = section.matcher or {}
    if any(matcher.get(key) != value for key, value in _matcher(weights, section.points).items()):
        notes.append("transformers matches by the weights and points of the losses, whatever criterion.matcher says")
    if section.points is None and (weights["mask"] or weights["dice"]):
        notes.append("transformers computes the losses of masks at 12544 points, the config at every pixel")
    if section.void == "ignore":
        notes.append("transformers counts unlabeled pixels as outside every mask, whatever criterion.void says")
    if not section.deep_supervision:
        notes.append("transformers always computes the losses of all layers, whatever criterion.deep_supervision says")
    return notes
