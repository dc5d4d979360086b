"""The images that the ranges of 8-bit activations are measured with: those of the config's own data."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from segkit.build import build_dataset, build_transforms
from segkit.config import Config
from segkit.data.transformed import transformed
from segkit.errors import ExportError
from segkit.export.size_range import SizeRange
from segkit.ops.images import resize_image


def calibration_images(config: Config, sizes: SizeRange, count: int) -> Iterator[Tensor]:
    """Yields images (1,3,H,W) uint8 RGB, evenly spread over the training data, or else over the validation data.

    They go through the transforms of `data.val`, as in an evaluation. An image of a size outside the range is resized.

    Args:
        config: Names the data.
        sizes: What the file takes.
        count: How many, or fewer where the dataset has fewer.

    Raises:
        ExportError: The config names no data.
        DataError: An image cannot be read.
    """
    data = config.experiment.data
    splits = [split for split in (data and data.train, data and data.val) if split and split.dataset]
    if not splits:
        raise ExportError(
            f"{config.path}: data: int8 measures the ranges of values with images, and the config names no dataset. "
            "Use --precision int8-dynamic, or fp16."
        )
    dataset = build_dataset(splits[0])
    transforms = build_transforms(data.val.transforms if data and data.val else [])
    count = min(count, len(dataset))
    for number in range(count):
        sample = transformed(replace(dataset[number * len(dataset) // count], target=None), transforms)
        height, width = (
            min(max(low, side), high) for low, side, high in zip(sizes.lowest, sample.size, sizes.highest, strict=True)
        )
        fits = (height, width) == sample.size
        yield (sample.image if fits else resize_image(sample.image, (height, width)))[None]
