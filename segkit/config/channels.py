"""How many channels the images of a model have: its setting `pixel_mean` has a number for each."""

from segkit.config.sections import PartConfig
from segkit.errors import ConfigError, counted
from segkit.registries import BACKBONES, MODELS
from segkit.registries.signature import before_star
from segkit.types import RGB


def channels_of(model: PartConfig) -> int:
    """Returns the number of channels that the backbone of a model is built for.

    Args:
        model: The section `model` of a checked config.

    Raises:
        ConfigError: It is not 3, but the backbone takes images of three channels only.

    Example:
        >>> channels_of({"type": "per_pixel", "backbone": {"type": "timm"}, "pixel_mean": [90, 80, 70, 60]})
        4
    """
    channels = len(model.get("pixel_mean") or ()) or RGB.channels
    backbone = model.get("backbone")
    if channels == RGB.channels or "backbone" not in before_star(MODELS.get(model["type"])):
        return channels
    if isinstance(backbone, dict) and "channels" not in before_star(BACKBONES.get(backbone["type"])):
        raise ConfigError(
            f"model.pixel_mean: has {counted(channels, 'number')}, one for each channel of the images, but "
            f"{BACKBONES.identity(backbone['type'])} takes images of 3 channels only. Its `__init__` must take "
            "`channels: int = 3` before `*`. Choose another backbone, or add that to it."
        )
    return channels
