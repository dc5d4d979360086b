"""Draw the image of the README: images, predictions and targets of the quickstart's validation data."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

from segkit.build import build_dataset, build_postprocessors
from segkit.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, read_config
from segkit.classes import Classes, Color
from segkit.results.overlay import overlay
from segkit.results.targets import target_result
from segkit.types import ImageSizes, PanopticResult, Sample

FACTOR = 2
"""The 96x128 images are drawn this much larger."""
GAP = 8
MARGIN = 8
LABELS = 104
"""Width of the column that names the rows."""
LEGEND = 34
ROWS = ("image", "prediction", "target")
OPACITY = 0.8
COLORS: dict[str, Color] = {
    "sky": (190, 216, 236),
    "grass": (186, 214, 160),
    "sand": (240, 222, 180),
    "water": (140, 178, 214),
    "circle": (228, 60, 60),
    "square": (250, 170, 40),
    "triangle": (130, 80, 190),
    "star": (20, 150, 130),
}
"""Of the classes of the dataset `shapes`: pale for stuff, strong for things."""


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="tools/draw_readme_image.py", description=__doc__)
    parser.add_argument("run", metavar="RUN", nargs="?", default="runs/quickstart", help="default: runs/quickstart")
    parser.add_argument(
        "--images", type=int, nargs="+", default=[15, 33, 44, 56], metavar="INDEX", help="which to draw"
    )
    parser.add_argument("--output", metavar="FILE", default="docs/images/quickstart.jpg", help="what to write")
    arguments = parser.parse_args(argv)
    folder = find_checkpoint(arguments.run)
    drawing = draw(load_checkpoint(folder, config=read_config(folder)), arguments.images)
    Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    drawing.save(arguments.output, quality=88, optimize=True)
    print(f"written: {arguments.output} ({Path(arguments.output).stat().st_size // 1000} kB)")
    return 0


def draw(checkpoint: Checkpoint, indices: Sequence[int]) -> Image.Image:
    """Draws one column for each validation image, and a legend."""
    data = checkpoint.config.experiment.data
    assert data is not None
    assert data.val is not None
    dataset = build_dataset(data.val)
    # In the dataset's own colors, which are those of the shapes, overlays would look like the images.
    classes = replace(checkpoint.classes, colors=tuple(COLORS[name] for name in checkpoint.classes.names))
    columns = [_column(checkpoint, classes, dataset[index]) for index in indices]
    width, height = columns[0][0].size
    size = LABELS + len(columns) * (width + GAP), len(ROWS) * (height + GAP) + LEGEND
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    for row, title in enumerate(ROWS):
        top = row * (height + GAP)
        pen.text((MARGIN, top + height // 2), title, fill="black", font=_font(17), anchor="lm")
        for number, column in enumerate(columns):
            canvas.paste(column[row], (LABELS + number * (width + GAP), top))
    _draw_legend(pen, classes, size)
    return canvas


def _column(checkpoint: Checkpoint, classes: Classes, sample: Sample) -> list[Image.Image]:
    """Returns image, prediction and target of one sample, all enlarged."""
    large = interpolate(sample.image[None].float(), scale_factor=FACTOR, mode="bicubic")[0].clamp(0, 255).byte()
    assert sample.target is not None
    target = target_result(sample.target, classes, "panoptic")
    assert isinstance(target, PanopticResult)
    enlarged = target.segment_map.repeat_interleave(FACTOR, 0).repeat_interleave(FACTOR, 1)
    results = [_predict(checkpoint, sample.image), replace(target, segment_map=enlarged)]
    overlays = [overlay(large, result, classes, opacity=OPACITY, legend=False) for result in results]
    return [Image.fromarray(large.permute(1, 2, 0).numpy()), *overlays]


@torch.inference_mode()
def _predict(checkpoint: Checkpoint, image: Tensor) -> PanopticResult:
    """Returns the panoptic result of an image at its enlarged size, so that its masks have smooth edges."""
    size = (image.shape[1], image.shape[2])
    sizes = ImageSizes(padded=size, unpadded=size, output=(FACTOR * size[0], FACTOR * size[1]))
    postprocessor = build_postprocessors(checkpoint.config, checkpoint.classes)["panoptic"]
    (result,) = postprocessor(checkpoint.model(image[None]), [sizes])
    assert isinstance(result, PanopticResult)
    return result


def _draw_legend(pen: ImageDraw.ImageDraw, classes: Classes, size: tuple[int, int]) -> None:
    left, middle = float(LABELS), size[1] - LEGEND // 2
    step = (size[0] - LABELS) / len(classes)
    for name, color in zip(classes.names, classes.colors, strict=True):
        pen.rectangle((left, middle - 7, left + 14, middle + 7), fill=color)
        pen.text((left + 21, middle), name, fill="black", font=_font(15), anchor="lm")
        left += step


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
