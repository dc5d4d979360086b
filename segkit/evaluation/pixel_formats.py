"""Images, models and transforms that do not fit together."""

from collections.abc import Sequence
from typing import Literal

from segkit.data.limit import without_limit
from segkit.errors import ConfigError
from segkit.registries import Dataset, Model, PixelSelective, Transform
from segkit.types import PixelFormat, pixel_format_of

Section = Literal["data.train", "data.val"]


def require_pixel_format(model: Model, dataset: Dataset, transforms: Sequence[Transform], section: Section) -> None:
    """Checks that a dataset has images of the channels and type that a model and the transforms take.

    Args:
        model: A built model.
        dataset: A built dataset.
        transforms: Those of its images.
        section: Of the config.

    Raises:
        ConfigError: It has others.

    Example:
        >>> import segkit
        >>> from segkit.datasets.shapes import Shapes
        >>> require_pixel_format(segkit.build_model("configs/quickstart.yaml"), Shapes(), [], "data.val")
    """
    taken, given = pixel_format_of(model), pixel_format_of(without_limit(dataset))
    if taken != given:
        raise ConfigError(
            f"{section}.dataset: its images have {given}, but the model takes {taken}. The model takes as many "
            "channels as model.pixel_mean has numbers, of the type model.pixel_type: set these two and "
            "model.pixel_std. `segkit check CONFIG --data` prints the numbers."
        )
    require_transforms(transforms, taken, section)


def require_transforms(transforms: Sequence[Transform], pixels: PixelFormat, section: Section) -> None:
    """Checks that transforms take images of the channels and type of `pixels`.

    Args:
        transforms: Of a section of the config, in its order.
        pixels: Of the images.
        section: The section.

    Raises:
        ConfigError: A transform does not take them.

    Example:
        >>> from segkit.transforms.pad import Pad
        >>> require_transforms([Pad(size=(64, 64))], PixelFormat(), "data.train")
    """
    for index, transform in enumerate(transforms):
        if isinstance(transform, PixelSelective):
            try:
                transform.require_pixels(pixels, section == "data.train")
            except ConfigError as error:
                raise ConfigError(f"{section}.transforms.{index}: {error}") from error
