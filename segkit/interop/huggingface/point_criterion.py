"""The criterion of their models whose masks are compared at points, by binary cross entropy and dice."""

from typing import Any

from segkit.interop.huggingface.fields import Fields


def read_point_criterion(fields: Fields) -> dict[str, Any]:
    """Returns the section `criterion` of a `config.json`. Their matcher uses the weights of the losses as its costs.

    Example:
        >>> from pathlib import Path
        >>> read_point_criterion(Fields({"dice_weight": 3}, Path("config.json")))["matcher"]["dice_cost"]
        3.0
    """
    weights = {key: fields.number(f"{key}_weight", 2.0 if key == "class" else 5.0) for key in ("class", "mask", "dice")}
    points = fields.integer("train_num_points", 12544)
    return {
        "matcher": {
            "type": "hungarian",
            **{f"{key}_cost": value for key, value in weights.items()},
            "mask_loss": "binary_cross_entropy",
            "num_points": points,
        },
        "losses": [
            {
                "type": "cross_entropy",
                "weight": weights["class"],
                "no_object_weight": fields.number("no_object_weight", 0.1),
            },
            {"type": "binary_cross_entropy", "weight": weights["mask"]},
            {"type": "dice", "weight": weights["dice"]},
        ],
        "points": points,
        "oversample_ratio": fields.number("oversample_ratio", 3.0),
        "importance_ratio": fields.number("importance_sample_ratio", 0.75),
    }
