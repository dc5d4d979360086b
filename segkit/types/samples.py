"""Images with their targets, alone and in batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from segkit.types.sizes import ImageSizes, Size
from segkit.types.targets import Target


@dataclass
class Sample:
    """One image of a dataset with its target, before batching."""

    image: Tensor
    """(3, H, W) uint8 RGB, or what else the dataset publishes as its `PixelFormat`."""
    target: Target | None
    """None for images without annotation, and while evaluation transforms the image alone."""
    file: str
    """The image's path, for messages and for the names of result files."""
    image_id: int | str
    content: Size | None = None
    """(height, width) of the part, at the top left, that is no padding of an evaluation; None: all of it."""

    @property
    def size(self) -> Size:
        return int(self.image.shape[-2]), int(self.image.shape[-1])


@dataclass
class Batch:
    """Images padded at the bottom and right to one size, with their targets."""

    images: Tensor
    """(B, 3, H, W) uint8 RGB, or of the dataset's `PixelFormat`."""
    sizes: list[ImageSizes]
    targets: list[Target]
    """Training: padded like the images. Evaluation: as the dataset gives them, at `sizes[i].output`."""
    files: list[str]
    image_ids: list[int | str]

    def pin_memory(self) -> Batch:
        """Returns the batch in page-locked memory. DataLoader calls this where `pin_memory` is on."""
        return replace(self, images=self.images.pin_memory(), targets=[target.pin_memory() for target in self.targets])
