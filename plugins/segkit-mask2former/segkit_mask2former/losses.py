"""The criterion of a config as settings of transformers' Mask2Former."""

from typing import Any

WEIGHTS = {"cross_entropy": "class", "binary_cross_entropy": "mask", "dice": "dice"}
"""Loss -> what its weight is called there."""
DEFAULTS = {"class": 2.0, "mask": 5.0, "dice": 5.0}


def loss_weights(config: Any) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings of their losses, and notes on what they cannot express.

    Args:
        config: The whole config, a `segkit.Config`. Without a criterion, the settings are transformers' defaults.

    Example:
        >>> from segkit.config import load_config
        >>> parts = {"backbone": {"type": "timm", "name": "resnet18"}, "pixel_decoder": {"type": "msdeform"}}
        >>> decoder = {"type": "masked_attention"}
        >>> config = load_config({"model": {"type": "mask_former", **parts, "transformer_decoder": decoder}})
        >>> loss_weights(config)[0]["mask_weight"]
        5.0
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
        notes.append(f"transformers' Mask2Former does not have the losses {', '.join(others)}")
    matcher = section.matcher or {}
    costs = {key: matcher.get(f"{key}_cost") for key in weights}
    expected = {"mask_loss": "binary_cross_entropy", "num_points": section.points}
    if costs != weights or any(matcher.get(key) != value for key, value in expected.items()):
        notes.append("transformers matches by the weights and points of the losses, whatever criterion.matcher says")
    if section.points is None:
        notes.append("transformers computes the losses of masks at 12544 points, the config at every pixel")
    if section.void == "ignore":
        notes.append("transformers counts unlabeled pixels as outside every mask, whatever criterion.void says")
    if not section.deep_supervision:
        notes.append("transformers always computes the losses of all layers, whatever criterion.deep_supervision says")
    return notes
