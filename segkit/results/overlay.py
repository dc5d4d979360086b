"""Results drawn over images: colored regions with outlines, names, scores and a legend."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from segkit.classes import Classes, Color
from segkit.results.captions import write_names
from segkit.results.displayed import displayed
from segkit.results.drawing import INK, LARGEST, fitted, fitted_mask
from segkit.results.instance_colors import color_apart
from segkit.results.legend import with_legend
from segkit.results.reduced import reduced
from segkit.results.regions import Region, Swatch, instances_stand_out, regions_of
from segkit.types import Result

Pixels = NDArray[np.uint8]
"""(H,W,3) RGB."""

QUIET = 0.5
"""What is left of the opacity of stuff, and of the image's own colors, where instances are what one looks at."""


def overlay(
    image: Tensor, result: Result, classes: Classes, *, opacity: float = 0.5, legend: bool = True
) -> Image.Image:
    """Draws a result over its image.

    Instances are told apart by their colors; behind them, stuff and the image itself are paler. With a legend, each
    instance carries its name and score, and the legend lists what is present, largest first, with the number of
    segments and their scores. It stands below the image, or beside an upright one. Small images are enlarged; large
    ones are reduced until the longer side has 1600 pixels. Without a legend, the overlay is exactly as large as the
    image.

    Args:
        image: (C,H,W). What is not RGB of 8 bits is drawn as `segkit.results.displayed.displayed` says.
        result: Of the same size, or that of a larger image, which is reduced here (see `segkit.results.reduced`).
        classes: Of the result.
        opacity: Of the colors, in [0, 1].
        legend: Whether names and legend are drawn.

    Example:
        >>> import torch
        >>> from segkit.types import SemanticResult
        >>> image = torch.full((3, 2, 2), 100, dtype=torch.uint8)
        >>> classes = Classes.make(["sky"], colors=[(0, 0, 200)])
        >>> drawn = overlay(image, SemanticResult(torch.zeros(2, 2, dtype=torch.int64)), classes, legend=False)
        >>> drawn.size, drawn.getpixel((0, 0))
        ((2, 2), (50, 50, 150))
    """
    size = int(image.shape[2]), int(image.shape[1])
    if result.size != size[::-1]:
        result = reduced(result, size)
    regions = regions_of(result, classes)
    color_apart(regions)
    quiet = instances_stand_out(result, classes)
    if not legend:
        return _unnamed(image, regions, quiet, opacity)
    return draw_regions(image, regions, classes, quiet, opacity)


def paint_regions(
    image: Tensor, regions: Sequence[Region], classes: Classes, quiet: bool, opacity: float = 0.5
) -> Image.Image:
    """Draws regions in their colors, with names, exactly as large as the image, as frames of a video must be.

    Args:
        image: (C,H,W). What is not RGB of 8 bits is drawn as `segkit.results.displayed.displayed` says.
        regions: Of the same size. Later ones cover earlier ones.
        classes: Of the regions.
        quiet: Whether stuff and the image are paler, so that instances stand out.
        opacity: Of the colors, in [0, 1].
    """
    drawn = _unnamed(image, regions, quiet, opacity)
    write_names(drawn, regions, classes)
    return drawn


def draw_regions(
    image: Tensor,
    regions: Sequence[Region],
    classes: Classes,
    quiet: bool,
    opacity: float = 0.5,
    largest: int = LARGEST,
) -> Image.Image:
    """Draws regions in their colors, with names and legend.

    Args:
        image: (C,H,W). What is not RGB of 8 bits is drawn as `segkit.results.displayed.displayed` says.
        regions: Of the same size. Later ones cover earlier ones.
        classes: Of the regions.
        quiet: Whether stuff and the image are paler, so that instances stand out.
        opacity: Of the colors, in [0, 1].
        largest: Most pixels of the longer side, without the legend.
    """
    drawn = fitted(image, largest)
    # The legend lists no segment that a crop or another mask has hidden.
    shown = [replace(region, mask=fitted_mask(region.mask, drawn.size)) for region in regions if region.area]
    drawn = Image.fromarray(_painted(np.asarray(drawn), shown, quiet, opacity))
    write_names(drawn, shown, classes)
    return with_legend(drawn, shown, classes)


def _unnamed(image: Tensor, regions: Sequence[Region], quiet: bool, opacity: float) -> Image.Image:
    """Draws regions without their names, exactly as large as the image."""
    return Image.fromarray(_painted(displayed(image).permute(1, 2, 0).cpu().numpy(), regions, quiet, opacity))


def _painted(pixels: Pixels, regions: Sequence[Region], quiet: bool, opacity: float) -> Pixels:
    """Returns `pixels` with every region blended in and outlined. The regions get their swatches."""
    painted = pixels.astype(np.float32)
    if quiet:
        painted += (1 - QUIET) * (painted.mean(-1, keepdims=True) - painted)
    # One pixel per 400 of the shorter side, so that outlines look alike at any size.
    width = max(1, round(min(pixels.shape[:2]) / 400))
    for region in regions:
        strength = opacity * QUIET if quiet and not region.is_instance else opacity
        color = np.array(region.color, dtype=np.float32)
        # An instance keeps the colors of the image below its own.
        below = pixels[region.mask] if region.is_instance else painted[region.mask]
        painted[region.mask] = blended = (1 - strength) * below + strength * color
        mean = _color(blended.mean(0) if len(blended) else color)
        region.swatch = Swatch(mean, INK if quiet and not region.is_instance else _outline(region.color))
    # All outlines come after all regions, so that no region covers another's outline.
    for region in regions:
        if quiet and not region.is_instance:
            continue
        outline = region.mask & ~_eroded(region.mask, width)
        painted[outline] = _outline(region.color)
    return painted.round().astype(np.uint8)


def _outline(color: Color) -> Color:
    """Returns 60 % of a color and 40 % of white: visible beside the blended inside and on dark images."""
    return _color(np.array(color) * 0.6 + 0.4 * 255)


def _color(values: NDArray[np.floating]) -> Color:
    red, green, blue = (round(value) for value in values.tolist())
    return red, green, blue


def _eroded(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Returns `mask` without the pixels within `width` of its outside; the border of the image is no outside."""
    for _ in range(width):
        inner = mask.copy()
        inner[1:] &= mask[:-1]
        inner[:-1] &= mask[1:]
        inner[:, 1:] &= mask[:, :-1]
        inner[:, :-1] &= mask[:, 1:]
        mask = inner
    return mask
