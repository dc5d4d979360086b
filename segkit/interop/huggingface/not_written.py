"""Tells which settings of a config have no place in the files of transformers."""

from collections.abc import Mapping
from typing import Any

from segkit.config import Config

_OF_TRAINING = ("frozen", "gradient_checkpointing", "freeze_batch_norm", "size_divisor")
"""Settings of models and backbones that leave no trace in tensors, so that only files could hold them."""


def not_written(config: Config, options: tuple[str, ...] = ()) -> list[str]:
    """Returns a note on the settings that a checkpoint of transformers cannot hold, or nothing where there are none.

    Args:
        config: The whole config.
        options: Those of the model's `options` that the format has no place for, where they are not 0.

    Example:
        >>> from segkit.config import load_config
        >>> config = load_config("configs/quickstart.yaml", ["model.size_divisor=64"])
        >>> not_written(config)
        ["left out, since transformers' files have no such setting: model.size_divisor = 64"]
    """
    model = config.experiment.model
    found = {
        **_set(model, _OF_TRAINING, "model."),
        **_set(model.get("backbone") or {}, _OF_TRAINING, "model.backbone."),
        **_set(model.get("options") or {}, options, "model.options."),
    }
    for index, part in enumerate(config.experiment.postprocessors or []):
        found |= _set(part, tuple(key for key in part if key != "type"), f"postprocessors.{index}.")
    if not found:
        return []
    settings = ", ".join(f"{path} = {value!r}" for path, value in found.items())
    return [f"left out, since transformers' files have no such setting: {settings}"]


def _set(part: Mapping[str, Any], keys: tuple[str, ...], path: str) -> dict[str, Any]:
    """The settings of a part that are given and not off."""
    return {f"{path}{key}": part[key] for key in keys if part.get(key)}
