"""What datasets of instances share once their annotations are read: images whose masks are drawn when needed."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.data.images import read_image
from segkit.data.json_values import Id
from segkit.datasets._masks import Segmentation
from segkit.datasets._segments import Segment, make_segments
from segkit.errors import DataError
from segkit.ops.run_length import decode_masks
from segkit.registries import AnnotationCounts
from segkit.types import Sample, Size, Target


@dataclass(frozen=True)
class AnnotatedImage:
    """An image of a dataset of instances."""

    file: Path
    id: Id
    size: Size | None
    """Height and width, which the file must have; None where the annotation does not give them."""
    annotation: Path
    """The file that gives the size, for messages."""


def read_annotated(listed: AnnotatedImage) -> Tensor:
    """Reads an image (3, H, W) uint8 RGB.

    Raises:
        DataError: it cannot be read or is of another size than the annotation gives.
    """
    image = read_image(listed.file)
    _check_size(image, listed.size, str(listed.file), str(listed.annotation))
    return image


Instance = tuple[Segment, Segmentation]
"""What an annotation says of an instance, and its mask."""


class InstanceDataset:
    """Images with instances, which may overlap. Pixels outside all instances are background, not void.

    Args:
        classes: The class list.
        images: All images, in the order of the samples.
        instances: All instances, in any order.
    """

    def __init__(self, classes: Classes, images: Sequence[AnnotatedImage], instances: Sequence[Instance]) -> None:
        self.classes = classes
        self._files = [str(image.file) for image in images]
        self._ids = [image.id for image in images]
        self._sizes = [image.size for image in images]
        # Most images have one annotation file, of which one text is kept.
        self._annotations = [str(image.annotation) for image in images]
        self.segments, order = make_segments([segment for segment, _ in instances], len(images))
        self._packed = [
            _pack([instances[place][1] for place in order[self.segments.of(index)]]) for index in range(len(images))
        ]

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        """Reads one image and draws its masks.

        Raises:
            DataError: the image cannot be read or is of another size than the annotation gives.
        """
        file = self._files[index]
        image = read_image(file)
        _check_size(image, self._sizes[index], file, self._annotations[index])
        segmentations: list[Segmentation] = pickle.loads(self._packed[index])
        size = (int(image.shape[1]), int(image.shape[2]))
        masks = decode_masks([one.draw(size) for one in segmentations], size)  # (N, H, W)
        chosen = self.segments.of(index)
        target = Target(
            torch.from_numpy(self.segments.labels[chosen]),
            overlapping_masks=masks,
            is_crowd=torch.from_numpy(self.segments.is_crowd[chosen]),
            areas=torch.from_numpy(self.segments.areas_of(index, masks.sum((1, 2)).numpy())),
        )
        return Sample(image, target, file, self._ids[index])

    def annotation_counts(self, images: int) -> AnnotationCounts:
        """Counts the annotations of the first `images` images."""
        return self.segments.counts(images, len(self.classes))


def _check_size(image: Tensor, size: Size | None, file: str, annotation: str) -> None:
    # Polygons have no size of their own: on an image of another size they would be wrong without an error.
    if size is not None and tuple(image.shape[1:]) != size:
        raise DataError(
            f"{file}: the image is {image.shape[2]}x{image.shape[1]} (upright), but {annotation} gives "
            f"{size[1]}x{size[0]}. Take both from one release, or scale the annotations with the image."
        )


def _pack(segmentations: list[Segmentation]) -> bytes:
    """Packs the masks of an image into one object.

    As lists of numbers, those of a large dataset would fill the memory, and each loading worker would get a copy.
    """
    return pickle.dumps(segmentations, protocol=pickle.HIGHEST_PROTOCOL)
