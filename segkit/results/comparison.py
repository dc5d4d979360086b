"""Image, prediction and target side by side."""

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.classes import Classes
from segkit.results.drawing import INK, PAPER, fitted, font
from segkit.results.image_error import MIN_SCORE
from segkit.results.instance_colors import color_apart
from segkit.results.matching import match_regions
from segkit.results.overlay import draw_regions
from segkit.results.regions import instances_stand_out, regions_of
from segkit.results.targets import target_result, task_of
from segkit.types import Batch, Result, Target

LARGEST = 640
"""Most pixels of the longer side of each of the three images."""


def comparison(
    image: Tensor, prediction: Result, target: Target, classes: Classes, title: str = "prediction"
) -> Image.Image:
    """Draws image, prediction and target in one row; the target in the form of the prediction.

    An instance has the same color in both where they match: one class, and more than half of the union in common.

    Args:
        image: (3,H,W) uint8 RGB.
        prediction: Of the same size. Instances that score below MIN_SCORE are not drawn.
        target: Of the same size.
        classes: Of both.
        title: Stands above the prediction.

    Example:
        >>> from segkit.types import SemanticResult
        >>> image = torch.zeros(3, 300, 400, dtype=torch.uint8)
        >>> target = Target(torch.tensor([0]), segment_map=torch.zeros(300, 400, dtype=torch.int32))
        >>> prediction = SemanticResult(torch.zeros(300, 400, dtype=torch.int64))
        >>> comparison(image, prediction, target, Classes.make(["sky"])).width
        1214
    """
    theirs = regions_of(target_result(target, classes, task_of(prediction)), classes)
    ours = [region for region in regions_of(prediction, classes) if region.score is None or region.score >= MIN_SCORE]
    color_apart(theirs)
    color_apart(ours, {match.prediction: theirs[match.target].color for match in match_regions(ours, theirs)})
    quiet = instances_stand_out(prediction, classes)
    drawn = [draw_regions(image, regions, classes, quiet, largest=LARGEST) for regions in (ours, theirs)]
    return side_by_side(fitted(image, LARGEST), *drawn, titles=["image", title, "target"])


def batch_image(batch: Batch, index: int) -> Tensor:
    """Returns image `index` of a batch without its padding, at the size of its result: (C,H,W)."""
    sizes = batch.sizes[index]
    # The padding is cut off first: resizing would blur it into the border.
    image = batch.images[index, :, : sizes.unpadded[0], : sizes.unpadded[1]]
    if sizes.unpadded == sizes.output:
        return image
    resized = interpolate(image[None].float(), size=sizes.output, mode="bilinear", antialias=True)[0]
    return resized.round().clamp(0, torch.iinfo(image.dtype).max).to(image.dtype)


def side_by_side(*panels: Image.Image | Tensor, titles: Sequence[str] | None = None) -> Image.Image:
    """Puts images in one row, aligned at the top.

    Args:
        panels: Drawn images, or (C,H,W), which are drawn and resized as `overlay` resizes them.
        titles: One for each panel, written above it.

    Example:
        >>> side_by_side(Image.new("RGB", (400, 300)), Image.new("RGB", (400, 300))).size
        (807, 300)
    """
    images = [panel if isinstance(panel, Image.Image) else fitted(panel) for panel in panels]
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
