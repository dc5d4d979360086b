"""Random inputs, the same in every process: targets, predictions that fit them, and images."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.classes import Classes
from segkit.ops.targets import pixel_counts, resize_target, select_segments
from segkit.types import PanopticResult, PanopticSegment, Prediction, Size, Target

NUM_CLASSES = 150
CLASSES = Classes.make(
    [f"class {index}" for index in range(NUM_CLASSES)], things=[index < 100 for index in range(NUM_CLASSES)]
)
CONFIDENT_LOGIT = 6.0
"""Logit of a mask or class with high confidence."""


def drawn_target(size: Size, num_segments: int, device: torch.device, seed: int = 0) -> Target:
    """Returns a target whose segments are the cells around random points. Classes repeat only if they are too few."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(num_segments, 2, generator=generator) * torch.tensor(size)
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    nearest = torch.full(size, torch.inf)
    segment_map = torch.zeros(size, dtype=torch.int16)
    for index, (y, x) in enumerate(points.tolist()):
        distance = (rows - y) ** 2 + (columns - x) ** 2
        segment_map[distance < nearest] = index
        nearest = torch.minimum(nearest, distance)
    labels = torch.randperm(NUM_CLASSES * 2, generator=generator)[:num_segments] % NUM_CLASSES
    return Target(labels, segment_map).to(device)


def drawn_targets(images: int, size: Size, num_segments: int, device: torch.device) -> list[Target]:
    return [drawn_target(size, num_segments, device, seed) for seed in range(images)]


def annotated_target(size: Size, num_segments: int, seed: int = 0) -> Target:
    """Returns a target as panoptic datasets have it: one more cell is void, and the first segment is a crowd."""
    target = drawn_target(size, num_segments + 1, torch.device("cpu"), seed)
    keep = pixel_counts(target) > 0  # in tiny images some cells hold no pixel
    keep[-1] = False
    target = select_segments(target, keep)
    return replace(target, is_crowd=torch.arange(len(target)) == 0)


def disturb(target: Target, seed: int = 0) -> PanopticResult:
    """Returns a result with errors: of seven segments, about one is missing, one has another class, two are moved.

    Segments move by up to an eighth of the side. They are numbered from 1; those that others cover are not listed.
    """
    generator = torch.Generator().manual_seed(seed)
    assert target.segment_map is not None
    height, width = target.size
    segment_map = torch.zeros(height, width, dtype=torch.int32)
    labels = target.labels.clone()
    for index, fate in enumerate(torch.randint(7, (len(target),), generator=generator).tolist()):
        mask = target.segment_map.eq(index)
        if fate == 0:
            continue
        if fate == 1:
            labels[index] = (labels[index] + 1) % NUM_CLASSES
        elif fate <= 3:
            down, right = (torch.rand(2, generator=generator) * torch.tensor([height, width]) / 8).long().tolist()
            mask = mask.roll((down, right), (0, 1))
        segment_map[mask] = index + 1
    present = torch.bincount(segment_map.flatten(), minlength=len(target) + 1)[1:] > 0
    number = torch.cat([torch.zeros(1, dtype=torch.int64), present.cumsum(0)])
    return PanopticResult(number[segment_map.long()].int(), numbered_segments(labels[present]))


def numbered_segments(labels: Tensor) -> list[PanopticSegment]:
    """Returns segments with these labels (S,), numbered from 1."""
    return [
        PanopticSegment(id_, label, CLASSES.things[label], score=1.0)
        for id_, label in enumerate(labels.tolist(), start=1)
    ]


def their_targets(targets: list[Target]) -> dict[str, list[Tensor]]:
    """Returns targets in the form of transformers' models: one float mask per segment."""
    return {
        "mask_labels": [target.masks.float() for target in targets],
        "class_labels": [target.labels for target in targets],
    }


def drawn_layers(images: int, queries: int, size: Size, num_layers: int, device: torch.device) -> Prediction:
    """Returns the predictions of `num_layers` layers, made of leaves that receive gradients."""
    generator = torch.Generator().manual_seed(0)

    def leaf(*shape: int, factor: float = 1.0) -> Tensor:
        return (torch.randn(*shape, generator=generator) * factor).to(device).requires_grad_()

    by_pixel = torch.randn(images, *size, 256, generator=generator).to(device)
    features = by_pixel.permute(0, 3, 1, 2).requires_grad_()  # channels last in memory, as convolutions leave them
    layers = [
        Prediction(
            leaf(images, queries, NUM_CLASSES + 1),
            mask_embeddings=leaf(images, queries, 256, factor=0.2),
            mask_features=features,
        )
        for _ in range(num_layers)
    ]
    layers[-1].auxiliary = layers[:-1]
    return layers[-1]


def confident_prediction(target: Target, queries: int, size: Size) -> Prediction:
    """Returns a prediction as a trained model makes it: one query per segment of `target`, the others "no object".

    It holds mask logits of `size`, as transformers' postprocessing takes them.
    """
    device, count = target.labels.device, len(target)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, queries, 8, 8, generator=generator)
    masks = interpolate(noise, size=size, mode="bicubic").to(device) - 1
    masks[0, :count] += CONFIDENT_LOGIT * (2 * resize_target(target, size).masks.float() - 1)
    class_logits = torch.randn(1, queries, NUM_CLASSES + 1, generator=generator).to(device)
    class_logits[0, torch.arange(count), target.labels] += 2 * CONFIDENT_LOGIT
    class_logits[0, count:, -1] += CONFIDENT_LOGIT
    return Prediction(class_logits, dense_mask_logits=masks)


def drawn_image(size: Size, seed: int = 0) -> Tensor:
    """Returns an image (3, H, W), uint8, with soft colors and fine grain like a photograph."""
    generator = torch.Generator().manual_seed(seed)
    coarse = interpolate(torch.rand(1, 3, 9, 12, generator=generator), size=size, mode="bicubic")[0]
    grain = torch.rand(3, *size, generator=generator) * 0.1
    return ((coarse + grain).clamp(0, 1) * 255).to(torch.uint8)
