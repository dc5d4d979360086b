"""Defaults that have changed: the configs of runs and checkpoints keep those of the version that wrote them."""

from segkit.config.nodes import Mapping, Scalar, Value
from segkit.config.plain import from_plain
from segkit.errors import RegistryError
from segkit.registries import MODELS
from segkit.registries.signature import after_star

_MODELS = ("mask_former", "per_pixel", "segkit/mask_former", "segkit/per_pixel")
_PIXELS = {"pixel_mean": [123.675, 116.28, 103.53], "pixel_std": [58.395, 57.12, 57.375]}
"""Version 0.1.0 normalized images so, whatever the backbone. Later versions write what the model used."""


def with_earlier_defaults(config: Mapping) -> Mapping:
    """Returns the config of a run or checkpoint with the values that its version left to defaults.

    Example:
        >>> from segkit.config.nodes import Origin
        >>> from segkit.config.plain import plain
        >>> saved = from_plain({"model": {"type": "per_pixel", "pixel_std": [1, 1, 1]}}, Origin("config.yaml"))
        >>> plain(with_earlier_defaults(saved))["model"]
        {'pixel_mean': [123.675, 116.28, 103.53], 'pixel_std': [1, 1, 1], 'type': 'per_pixel'}
    """
    model = config.items.get("model")
    if not isinstance(model, Mapping):
        return config
    known = _settings(model)
    earlier = from_plain({name: values for name, values in _PIXELS.items() if name in known}, model.origin)
    filled = Mapping({**earlier.items, **model.items}, model.origin, {**earlier.keys, **model.keys}, model.dropped)
    return Mapping({**config.items, "model": filled}, config.origin, config.keys, config.dropped)


def pixel_values(saved: Value) -> dict[str, Value]:
    """Returns the settings of a saved config that its run has completed: the pixel mean and deviation.

    Example:
        >>> pixel_values({"model": {"type": "per_pixel", "pixel_std": [1, 1, 1]}})
        {'pixel_std': [1, 1, 1]}
    """
    model = saved.get("model", {})
    return {name: model[name] for name in _PIXELS if name in model}


def _settings(model: Mapping) -> set[str]:
    """Returns the settings without a default of their own of a model of version 0.1.0."""
    name = model.items.get("type")
    if not isinstance(name, Scalar) or name.value not in _MODELS:
        return set()
    try:
        parameters = after_star(MODELS.get(str(name.value)))
    except RegistryError:  # reported where the part itself is checked
        return set()
    return {setting for setting, parameter in parameters.items() if parameter.default is None}
