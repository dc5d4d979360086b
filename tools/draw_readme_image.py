"""Draw the image of the README: semantic and panoptic results on the quickstart's validation data."""

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
from segkit.results.captions import write_names
from segkit.results.overlay import overlay
from segkit.results.regions import regions_of
from segkit.types import ImageSizes, Result

FACTOR = 2
"""The 96x128 images are drawn this much larger, so that GitHub shows the image as it is, 830 pixels wide at most."""
GAP = 8
TITLE = 30
LEGEND = 30
COLUMNS = ("image", "semantic", "panoptic")
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
    parser.add_argument("--images", type=int, nargs="+", default=[4, 46, 55], metavar="INDEX", help="which to draw")
    parser.add_argument("--output", metavar="FILE", default="docs/images/quickstart.jpg", help="what to write")
    arguments = parser.parse_args(argv)
    folder = find_checkpoint(arguments.run)
    drawing = draw(load_checkpoint(folder, config=read_config(folder)), arguments.images)
    Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    drawing.save(arguments.output, quality=88, optimize=True)
    print(f"written: {arguments.output} ({Path(arguments.output).stat().st_size // 1000} kB)")
    return 0


def draw(checkpoint: Checkpoint, indices: Sequence[int]) -> Image.Image:
    """Draws one row for each validation image, and a legend of the classes."""
    data = checkpoint.config.experiment.data
    assert data is not None
    assert data.val is not None
    dataset = build_dataset(data.val)
    # In the dataset's own colors, which are those of the shapes, overlays would look like the images.
    classes = replace(checkpoint.classes, colors=tuple(COLORS[name] for name in checkpoint.classes.names))
    rows = [_row(checkpoint, classes, dataset[index].image) for index in indices]
    width, height = rows[0][0].size
    size = len(COLUMNS) * (width + GAP) - GAP, TITLE + len(rows) * (height + GAP) - GAP + LEGEND
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    for column, title in enumerate(COLUMNS):
        left = column * (width + GAP)
        pen.text((left + width // 2, TITLE // 2), title, fill="black", font=_font(17), anchor="mm")
        for number, row in enumerate(rows):
            canvas.paste(row[column], (left, TITLE + number * (height + GAP)))
    _draw_legend(pen, classes, size)
    return canvas


def _row(checkpoint: Checkpoint, classes: Classes, image: Tensor) -> list[Image.Image]:
    """Returns an image, its semantic and its panoptic result, all enlarged."""
    large = interpolate(image[None].float(), scale_factor=FACTOR, mode="bicubic")[0].clamp(0, 255).byte()
    results = [_predict(checkpoint, image, task) for task in COLUMNS[1:]]
    semantic, panoptic = [overlay(large, result, classes, opacity=OPACITY, legend=False) for result in results]
    # The legend names the classes of the semantic result; in the other one, each object has a color of its own.
    write_names(panoptic, regions_of(results[1], classes), classes)
    return [Image.fromarray(large.permute(1, 2, 0).numpy()), semantic, panoptic]


@torch.inference_mode()
def _predict(checkpoint: Checkpoint, image: Tensor, task: str) -> Result:
    """Returns the result of an image at its enlarged size, so that its masks have smooth edges."""
    size = (image.shape[1], image.shape[2])
    sizes = ImageSizes(padded=size, unpadded=size, output=(FACTOR * size[0], FACTOR * size[1]))
    postprocessor = build_postprocessors(checkpoint.config, checkpoint.classes)[task]
    (result,) = postprocessor(checkpoint.model(image[None]), [sizes])
    return result


def _draw_legend(pen: ImageDraw.ImageDraw, classes: Classes, size: tuple[int, int]) -> None:
    left, middle = 0.0, size[1] - LEGEND // 2
    step = size[0] / len(classes)
    for name, color in zip(classes.names, classes.colors, strict=True):
        pen.rectangle((left, middle - 7, left + 14, middle + 7), fill=color)
        pen.text((left + 21, middle), name, fill="black", font=_font(15), anchor="lm")
        left += step


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
