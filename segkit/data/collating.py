"""Samples put together into batches."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from segkit.data.padding import padded_size, stack_padded
from segkit.ops.targets import pad_target, prepare_for_training
from segkit.types import Batch, ImageSizes, Sample, Target

_ALIGNMENT = 16
"""Bytes. A view of any element type may start at a multiple of this."""


def collate_training(samples: Sequence[Sample], size_divisor: int) -> Batch:
    """Pads images and targets to the smallest common size that is a multiple of `size_divisor`.

    Targets lose their crowds and the segments without pixels. Images are padded with zeros, whose value has no effect:
    models set everything outside `sizes` to zero after normalization.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> batch = collate_training([Shapes(size=(40, 60))[0], Shapes(size=(50, 50))[1]], size_divisor=32)
        >>> batch.images.shape, batch.targets[0].size
        (torch.Size([2, 3, 64, 64]), (64, 64))
    """
    size = padded_size([sample.size for sample in samples], size_divisor)
    targets = [pad_target(prepare_for_training(_target_of(sample)), size) for sample in samples]
    sizes = [ImageSizes(size, sample.size, sample.size) for sample in samples]
    return _batch(samples, sizes, targets)


def collate_evaluation(samples: Sequence[Sample], size_divisor: int) -> Batch:
    """Pads images as in training and keeps targets as they are. Their sizes are those of the wanted results.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> batch = collate_evaluation([Shapes(size=(40, 60))[0]], size_divisor=32)
        >>> batch.images.shape, batch.targets[0].size
        (torch.Size([1, 3, 64, 64]), (40, 60))
    """
    size = padded_size([sample.size for sample in samples], size_divisor)
    targets = [_target_of(sample) for sample in samples]
    sizes = [
        ImageSizes(size, sample.content or sample.size, target.size)
        for sample, target in zip(samples, targets, strict=True)
    ]
    return _batch(samples, sizes, targets)


def _target_of(sample: Sample) -> Target:
    assert sample.target is not None, f"{sample.file}: a dataset must give each sample a target"
    return sample.target


def _batch(samples: Sequence[Sample], sizes: list[ImageSizes], targets: list[Target]) -> Batch:
    return Batch(
        images=stack_padded([sample.image for sample in samples], sizes[0].padded),
        sizes=sizes,
        targets=_in_one_block(targets),
        files=[sample.file for sample in samples],
        image_ids=[sample.image_id for sample in samples],
    )


def move_to_shared_memory(batch: Batch) -> None:
    """Moves the tensors of a batch to memory that processes share.

    Raises:
        RuntimeError: There is no room for them.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> batch = collate_evaluation([Shapes()[0]], size_divisor=32)
        >>> move_to_shared_memory(batch)
        >>> batch.images.is_shared()
        True
    """
    for tensor in (batch.images, *(tensor for _, _, tensor in _named_tensors(batch.targets))):
        tensor.share_memory_()  # type: ignore[no-untyped-call]


def _named_tensors(targets: list[Target]) -> list[tuple[int, str, Tensor]]:
    """Returns all tensors of targets, each with the number of its target and the name of its field."""
    return [(number, name, tensor) for number, target in enumerate(targets) for name, tensor in target.tensors.items()]


def _in_one_block(targets: list[Target]) -> list[Target]:
    """Copies all tensors of the targets into one block of memory.

    A worker process passes each block to the main process as an open file. One file per tensor would soon reach the
    system's limit of open files.
    """
    named = _named_tensors(targets)
    # One allocation and one copy per tensor; the views keep type and shape.
    lengths = [math.ceil(tensor.nbytes / _ALIGNMENT) * _ALIGNMENT for _, _, tensor in named]
    block = torch.empty(sum(lengths), dtype=torch.uint8)
    changes: list[dict[str, Tensor]] = [{} for _ in targets]
    for (number, name, tensor), room in zip(named, torch.split(block, lengths), strict=True):
        changes[number][name] = room[: tensor.nbytes].view(tensor.dtype).view(tensor.shape).copy_(tensor)
    return [replace(target, **change) for target, change in zip(targets, changes, strict=True)]
