"""Image, prediction and target side by side."""

from collections.abc import Sequence
from typing import Literal

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.classes import Classes
from segkit.ops.targets import label_map_of, select_segments
from segkit.results.drawing import INK, PAPER, enlarged, font
from segkit.results.filtering import filter_by_score
from segkit.results.overlay import overlay
from segkit.types import Batch, InstanceResult, PanopticResult, PanopticSegment, Result, SemanticResult, Target

Task = Literal["semantic", "instance", "panoptic"]

MIN_SCORE = 0.5
"""Instances with a lower score are not drawn: evaluation ranks them all, and they would cover everything else."""


def comparison(image: Tensor, prediction: Result, target: Target, classes: Classes) -> Image.Image:
    """Draws image, prediction and target in one row; the target in the form of the prediction.

    Args:
        image: (3,H,W) uint8 RGB.
        prediction: Of the same size. Instances that score below MIN_SCORE are not drawn.
        target: Of the same size.
        classes: Of both.

    Example:
        >>> image = torch.zeros(3, 300, 400, dtype=torch.uint8)
        >>> target = Target(torch.tensor([0]), segment_map=torch.zeros(300, 400, dtype=torch.int32))
        >>> prediction = SemanticResult(torch.zeros(300, 400, dtype=torch.int64))
        >>> comparison(image, prediction, target, Classes.make(["sky"])).width
        1214
    """
    tasks: dict[type, Task] = {SemanticResult: "semantic", InstanceResult: "instance", PanopticResult: "panoptic"}
    expected = target_result(target, classes, tasks[type(prediction)])
    if isinstance(prediction, InstanceResult):
        prediction = filter_by_score(prediction, MIN_SCORE)
    drawn = [overlay(image, result, classes) for result in (prediction, expected)]
    return side_by_side(image, *drawn, titles=["image", "prediction", "target"])


def target_result(target: Target, classes: Classes, task: Task) -> Result:
    """Returns a target in the form of a result of `task`, with all scores 1.

    Void is class index K in a semantic result, and 0 in a panoptic one. An instance result holds the countable classes
    alone.

    Example:
        >>> target = Target(torch.tensor([0]), segment_map=torch.tensor([[0, -1]], dtype=torch.int32))
        >>> target_result(target, Classes.make(["car"]), "panoptic").segment_map
        tensor([[1, 0]], dtype=torch.int32)
    """
    if task == "semantic":
        label_map = label_map_of(target, len(classes))
        if target.valid is not None:
            label_map = torch.where(target.valid, label_map, len(classes))
        return SemanticResult(label_map)
    if task == "instance":
        countable = torch.tensor(classes.countable)
        things = select_segments(target, countable.to(target.labels.device)[target.labels])
        return InstanceResult(things.labels, torch.ones(len(things)), things.masks)
    segment_map = target.segment_map
    if segment_map is None:  # where masks overlap, the last one lies on top
        segment_map = torch.full(target.size, -1, dtype=torch.int32)
        for number, mask in enumerate(target.masks):
            segment_map[mask.to(segment_map.device)] = number
    segments = [
        PanopticSegment(number, label, classes.things[label], 1.0)
        for number, label in enumerate(target.labels.tolist(), start=1)
    ]
    # + 1: a target counts its segments from 0 and has -1 for none; a result counts from 1 and has 0.
    return PanopticResult(segment_map.to(torch.int32) + 1, segments)


def batch_image(batch: Batch, index: int) -> Tensor:
    """Returns image `index` of a batch without its padding, at the size of its result: (3,H,W) uint8."""
    sizes = batch.sizes[index]
    # The padding is cut off first: resizing would blur it into the border.
    image = batch.images[index, :, : sizes.unpadded[0], : sizes.unpadded[1]]
    if sizes.unpadded == sizes.output:
        return image
    resized = interpolate(image[None].float(), size=sizes.output, mode="bilinear", antialias=True)[0]
    return resized.round().clamp(0, 255).to(torch.uint8)


def side_by_side(*panels: Image.Image | Tensor, titles: Sequence[str] | None = None) -> Image.Image:
    """Puts images in one row, aligned at the top.

    Args:
        panels: Drawn images, or (3,H,W) uint8 RGB, which are enlarged as `overlay` enlarges them.
        titles: One for each panel, written above it.

    Example:
        >>> side_by_side(Image.new("RGB", (400, 300)), Image.new("RGB", (400, 300))).size
        (807, 300)
    """
    images = [panel if isinstance(panel, Image.Image) else enlarged(panel) for panel in panels]
    # Text grows with the image: a 24th of the shorter side, at least 14 pixels.
    size = max(14, min(min(image.size) for image in images) // 24)
    gap, top = size // 2, size * 2 if titles else 0
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    canvas = Image.new("RGB", (width, max(image.height for image in images) + top), PAPER)
    draw = ImageDraw.Draw(canvas)
    x = 0
    for image, title in zip(images, titles or [""] * len(images), strict=True):
        if title:
            draw.text((x + gap, top // 2), title, fill=INK, font=font(size), anchor="lm")
        canvas.paste(image, (x, top))
        x += image.width + gap
    return canvas
