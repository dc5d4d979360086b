"""Results drawn over images, to be looked at: coloured regions, outlines, names and a legend."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.classes import Classes, Color
from segkit.ops.targets import label_map_of, select_segments
from segkit.results.files import without_unsure
from segkit.types import Batch, InstanceResult, PanopticResult, PanopticSegment, Result, SemanticResult, Target

Kind = Literal["semantic", "instance", "panoptic"]
Pixels = NDArray[np.uint8]

READABLE = 384
"""Images whose longer side is shorter than this are enlarged before names are written on them."""
SURE = 0.5
"""Instances of a lower score are left out of comparisons: evaluation ranks them all, the eye would see only them."""
PAPER: Color = (255, 255, 255)
INK: Color = (20, 20, 20)


@dataclass
class Region:
    """One thing to draw: a segment, or all pixels of a class."""

    mask: NDArray[np.bool_]
    """(H,W)."""
    label: int
    color: Color
    score: float | None
    """None where there is none to tell: stuff, classes of pixels, truth."""


def overlay(
    image: Tensor, result: Result, classes: Classes, *, opacity: float = 0.5, legend: bool = True
) -> Image.Image:
    """`image` (3,H,W) uint8 RGB with `result`, of the same size, painted over it.

    Without `legend` the overlay is exactly as large as the image. With it, small images are enlarged, regions that
    have room carry their class's name, and a legend stands below (beside, where the image is upright): what is
    present, largest first, with the number of segments and their scores. `opacity` is that of the colours, 0 to 1.
    """
    regions = regions_of(result, classes)
    if not legend:
        return Image.fromarray(_painted(image.permute(1, 2, 0).cpu().numpy(), regions, opacity))
    factor = _enlargement(image.shape[-1], image.shape[-2])
    for region in regions:
        region.mask = region.mask.repeat(factor, 0).repeat(factor, 1)
    drawn = Image.fromarray(_painted(np.asarray(_enlarged(image)), regions, opacity))
    _write_names(drawn, regions, classes)
    return _with_legend(drawn, regions, classes)


def regions_of(result: Result, classes: Classes) -> list[Region]:
    """What there is to draw, largest first but for instances: these from the lowest to the highest score, so that the
    surest lies on top. Segments of one thing class get shades of the class's colour."""
    if isinstance(result, SemanticResult):
        label_map = result.label_map.cpu().numpy()
        regions = [
            Region(label_map == label, label, classes.colors[label], None)
            for label in np.unique(label_map).tolist()
            if label < len(classes)
        ]
    elif isinstance(result, PanopticResult):
        segment_map = result.segment_map.cpu().numpy()
        colors = _shades([segment.label for segment in result.segments], classes)
        regions = [
            Region(segment_map == segment.id, segment.label, color, _told(segment.score) if segment.is_thing else None)
            for segment, color in zip(result.segments, colors, strict=True)
        ]
    else:
        labels = result.labels.tolist()
        rows = zip(result.masks.cpu().numpy(), labels, _shades(labels, classes), result.scores.tolist(), strict=True)
        regions = [Region(mask, label, color, _told(score)) for mask, label, color, score in rows]
        return regions[::-1]
    return sorted(regions, key=lambda region: -int(region.mask.sum()))


def _told(score: float) -> float | None:
    """Truth is sure of itself: a score of exactly 1 is not written."""
    return None if score == 1.0 else score


def _shades(labels: list[int], classes: Classes) -> list[Color]:
    """A colour per segment: its class's, varied from the second segment of a class on."""
    seen: dict[int, int] = {}
    colors = []
    for label in labels:
        number = seen.get(label, 0)
        seen[label] = number + 1
        colors.append(_shade(classes.colors[label], number))
    return colors


def _shade(color: Color, number: int) -> Color:
    """Variant `number` of a colour: its neighbours in hue, alternately darker and lighter; 0 is the colour itself."""
    if number == 0:
        return color
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in color))
    hue += (-1) ** number * 0.02 * (1 + (number - 1) // 2 % 3)
    lightness = 0.25 + 0.5 * ((lightness + number * 0.37) % 1.0)
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, lightness, max(saturation, 0.35))
    return round(red * 255), round(green * 255), round(blue * 255)


def _painted(pixels: Pixels, regions: list[Region], opacity: float) -> Pixels:
    """`pixels` (H,W,3) with every region blended in and outlined."""
    painted = pixels.astype(np.float32)
    width = max(1, round(min(pixels.shape[:2]) / 400))
    for region in regions:
        color = np.array(region.color, dtype=np.float32)
        painted[region.mask] = (1 - opacity) * painted[region.mask] + opacity * color
    for region in regions:
        outline = region.mask & ~_eroded(region.mask, width)
        painted[outline] = np.array(region.color, dtype=np.float32) * 0.6 + 0.4 * 255
    return painted.round().astype(np.uint8)


def _eroded(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """(H,W): without the pixels within `width` of the outside; the image's own border is no outside."""
    for _ in range(width):
        inner = mask.copy()
        inner[1:] &= mask[:-1]
        inner[:-1] &= mask[1:]
        inner[:, 1:] &= mask[:, :-1]
        inner[:, :-1] &= mask[:, 1:]
        mask = inner
    return mask


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _text_size(image: Image.Image) -> int:
    return max(11, round(min(image.size) / 30))


def _write_names(image: Image.Image, regions: list[Region], classes: Classes) -> None:
    """Each region's class name at a pixel inside the region, where it fits and no larger region's name stands."""
    draw = ImageDraw.Draw(image)
    font = _font(_text_size(image))
    taken: list[tuple[float, float, float, float]] = []
    for region in sorted(regions, key=lambda region: -int(region.mask.sum())):
        rows, columns = np.flatnonzero(region.mask.any(1)), np.flatnonzero(region.mask.any(0))
        if len(rows) == 0:
            continue
        name = classes.names[region.label]
        left, top, right, bottom = draw.textbbox((0, 0), name, font=font, anchor="mm")
        if right - left > columns[-1] - columns[0] or (bottom - top) * 1.5 > len(rows):
            continue
        row = int(np.searchsorted(region.mask.sum(1).cumsum(), region.mask.sum() / 2))  # the row of the middle pixel
        inside = np.flatnonzero(region.mask[row])
        x = min(max(float(inside[len(inside) // 2]), 2 - left), image.width - 2 - right)
        y = min(max(row, 2 - top), image.height - 2 - bottom)
        box = (x + left, y + top, x + right, y + bottom)
        if any(box[0] < o[2] and o[0] < box[2] and box[1] < o[3] and o[1] < box[3] for o in taken):
            continue
        taken.append(box)
        draw.text((x, y), name, fill=PAPER, font=font, anchor="mm", stroke_width=2, stroke_fill=INK)


@dataclass
class Entry:
    """One line of the legend."""

    colors: list[Color]
    text: str


def _entries(regions: list[Region], classes: Classes) -> list[Entry]:
    """One per class, the class with the most pixels first."""
    by_label: dict[int, list[Region]] = {}
    for region in regions:
        by_label.setdefault(region.label, []).append(region)
    entries = []
    for label, group in sorted(by_label.items(), key=lambda item: -sum(int(r.mask.sum()) for r in item[1])):
        text = classes.names[label] + (f" x{len(group)}" if len(group) > 1 else "")
        scores = [region.score for region in group if region.score is not None]
        if scores:
            low, high = f"{min(scores):.2f}", f"{max(scores):.2f}"
            text += f" {high}" if low == high else f" {low}-{high}"
        group = sorted(group, key=lambda region: -int(region.mask.sum()))
        entries.append(Entry([region.color for region in group[:4]], text))
    return entries


def _with_legend(image: Image.Image, regions: list[Region], classes: Classes) -> Image.Image:
    """`image` on paper with the legend in columns below it, or beside it where the image is upright."""
    entries = _entries(regions, classes) or [Entry([], "nothing found")]
    size = max(12, round(min(image.size) / 36))
    font, line = _font(size), round(size * 1.5)
    widths = [round(font.getlength(entry.text)) + line * (len(entry.colors) or 1) // 2 + line for entry in entries]
    column = max(widths)
    beside = image.height > image.width
    if beside:
        rows = max(1, (image.height - line) // line)
        columns = -(-len(entries) // rows)
        canvas = Image.new("RGB", (image.width + columns * column + line, image.height), PAPER)
    else:
        columns = max(1, image.width // column)
        rows = -(-len(entries) // columns)
        canvas = Image.new("RGB", (max(image.width, column), image.height + rows * line + line), PAPER)
    canvas.paste(image, (0, 0))
    left, top = (image.width + line // 2, line // 2) if beside else (line // 2, image.height + line // 2)
    draw = ImageDraw.Draw(canvas)
    for index, entry in enumerate(entries):
        x, y = left + index // rows * column, top + index % rows * line
        for color in entry.colors:
            draw.rectangle((x, y + line // 8, x + line // 2 - 2, y + line * 7 // 8 - 2), fill=color, outline=INK)
            x += line // 2
        draw.text((x + line // 4, y + line // 2), entry.text, fill=INK, font=font, anchor="lm")
    return canvas


def target_result(target: Target, classes: Classes, kind: Kind) -> Result:
    """The truth in the form of a result, to be drawn like one.

    Scores are 1. Void is class index K in a semantic result, 0 in a panoptic one. An instance result has things only,
    unless the class list has none.
    """
    if kind == "semantic":
        label_map = label_map_of(target, len(classes))
        if target.valid is not None:
            label_map = torch.where(target.valid, label_map, len(classes))
        return SemanticResult(label_map)
    if kind == "instance":
        countable = torch.tensor(classes.countable)
        things = select_segments(target, countable.to(target.labels.device)[target.labels])
        return InstanceResult(things.labels, torch.ones(len(things)), things.masks)
    segment_map = target.segment_map
    if segment_map is None:
        segment_map = torch.full(target.size, -1, dtype=torch.int32)
        for number, mask in enumerate(target.masks):
            segment_map[mask.to(segment_map.device)] = number
    segments = [
        PanopticSegment(number, label, classes.things[label], 1.0)
        for number, label in enumerate(target.labels.tolist(), start=1)
    ]
    return PanopticResult(segment_map.to(torch.int32) + 1, segments)


def batch_image(batch: Batch, index: int) -> Tensor:
    """(3,H,W) uint8: image `index` of a batch without its padding, at the size of its result."""
    sizes = batch.sizes[index]
    image = batch.images[index, :, : sizes.unpadded[0], : sizes.unpadded[1]]
    if sizes.unpadded == sizes.output:
        return image
    resized = interpolate(image[None].float(), size=sizes.output, mode="bilinear", antialias=True)[0]
    return resized.round().clamp(0, 255).to(torch.uint8)


def comparison(image: Tensor, prediction: Result, truth: Target, classes: Classes) -> Image.Image:
    """Image | prediction | truth, this in the prediction's form; instances scoring below SURE are not drawn."""
    kinds: dict[type, Kind] = {SemanticResult: "semantic", InstanceResult: "instance", PanopticResult: "panoptic"}
    true = target_result(truth, classes, kinds[type(prediction)])
    if isinstance(prediction, InstanceResult):
        prediction = without_unsure(prediction, SURE)
    drawn = [overlay(image, result, classes) for result in (prediction, true)]
    return side_by_side(image, *drawn, titles=["image", "prediction", "truth"])


def side_by_side(*panels: Image.Image | Tensor, titles: Sequence[str] | None = None) -> Image.Image:
    """Images and bare images ((3,H,W) uint8, enlarged as `overlay` does) in one row, aligned at the top, each under
    its title where there are any."""
    images = [panel if isinstance(panel, Image.Image) else _enlarged(panel) for panel in panels]
    size = max(14, min(min(image.size) for image in images) // 24)
    gap, top = size // 2, size * 2 if titles else 0
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    canvas = Image.new("RGB", (width, max(image.height for image in images) + top), PAPER)
    draw = ImageDraw.Draw(canvas)
    x = 0
    for image, title in zip(images, titles or [""] * len(images), strict=True):
        if title:
            draw.text((x + gap, top // 2), title, fill=INK, font=_font(size), anchor="lm")
        canvas.paste(image, (x, top))
        x += image.width + gap
    return canvas


def _enlarged(image: Tensor) -> Image.Image:
    """(3,H,W) uint8 -> an image of at least READABLE pixels on its longer side."""
    drawn = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
    factor = _enlargement(drawn.width, drawn.height)
    return drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.BICUBIC)


def _enlargement(width: int, height: int) -> int:
    """The whole number by which an image is enlarged to become readable."""
    return -(-READABLE // max(width, height))
