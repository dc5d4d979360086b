"""The dataset `shapes`, for first steps and tests."""

import math

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.ops.targets import pixel_counts, select_segments
from segkit.registries import DATASETS
from segkit.registries.signature import NonNegative
from segkit.types import NO_SEGMENT, Sample, Target

STUFF = {"sky": (120, 170, 225), "grass": (85, 150, 60), "sand": (215, 190, 130), "water": (35, 85, 140)}
THINGS = {"circle": (205, 50, 45), "square": (235, 200, 45), "triangle": (135, 60, 165), "star": (240, 130, 30)}
NAMES = (*STUFF, *THINGS)
COLORS = [*STUFF.values(), *THINGS.values()]
OUTLINE = (25, 25, 30)
MOST_THINGS = 5
SMALLEST_SIDE = 32


@DATASETS.register("shapes")
class Shapes:
    """Drawn images of circles, squares, triangles and stars, with exact targets; needs no files.

    Sky lies above one of three grounds. Things overlap: the visible part of each thing is one segment, and so is each
    stuff class. The outline of a thing, one or two pixels wide, is void. Image `index` depends on `seed` and `index`
    alone.

    Args:
        length: Number of images.
        size: (height, width) in pixels, at least 32.
        seed: Another seed gives other images, as for training and evaluation.

    Raises:
        ConfigError: the size is too small.

    Example:
        >>> dataset = Shapes(length=10, size=(64, 96))
        >>> len(dataset), dataset[0].image.shape
        (10, torch.Size([3, 64, 96]))
        >>> [dataset.classes.names[label] for label in dataset[0].target.labels[:2]]
        ['sky', 'water']
    """

    def __init__(self, *, length: NonNegative = 1000, size: tuple[int, int] = (96, 128), seed: NonNegative = 0) -> None:
        if min(size) < SMALLEST_SIDE:
            raise ConfigError(
                f"dataset 'shapes': size: {tuple(size)} is too small to draw in. Give at least {SMALLEST_SIDE} pixels."
            )
        self.length = length
        self.size = (size[0], size[1])
        self.seed = seed
        self.classes = Classes.make(NAMES, things=[name in THINGS for name in NAMES], colors=list(COLORS))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        # Iteration over a sequence ends with IndexError.
        if not 0 <= index < self.length:
            raise IndexError(index)
        generator = np.random.default_rng([self.seed, index])
        image, segments, labels = _background(generator, *self.size)
        for _ in range(generator.integers(1, MOST_THINGS + 1)):
            _draw_thing(generator, image, segments, labels)
        image += generator.normal(0, 6, image.shape)
        valid = torch.from_numpy(segments >= 0)
        target = Target(torch.tensor(labels), torch.from_numpy(segments), valid=valid)
        pixels = torch.from_numpy(image.clip(0, 255).astype(np.uint8)).permute(2, 0, 1).contiguous()
        name = f"shapes_{self.seed}_{index:05}"
        return Sample(pixels, _without_hidden(target), name, name)


def _without_hidden(target: Target) -> Target:
    """Removes the things that others cover entirely."""
    return select_segments(target, pixel_counts(target) > 0)


def _background(
    generator: Generator, height: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.int16], list[int]]:
    """Draws sky above a wavy horizon and a ground below it.

    Returns:
        Image (H, W, 3), segment map (H, W) and labels.
    """
    ground = int(generator.integers(1, len(STUFF)))
    waves = generator.uniform(0.5, 3) * 2 * math.pi * np.arange(width) / width + generator.uniform(0, 2 * math.pi)
    horizon = height * (generator.uniform(0.3, 0.65) + 0.04 * np.sin(waves))  # (W,)
    below = np.arange(height)[:, None] >= horizon  # (H, W)
    shade = (
        np.linspace(1.15, 0.85, height)[:, None, None]
        + generator.normal(0, 0.05, (height, width, 1)) * below[..., None]
    )
    colors = np.array([COLORS[0], COLORS[ground]], dtype=float) + generator.normal(0, 10, (2, 3))
    return colors[below.astype(int)] * shade, below.astype(np.int16), [0, ground]


def _draw_thing(
    generator: Generator, image: NDArray[np.float64], segments: NDArray[np.int16], labels: list[int]
) -> None:
    """Draws one thing over the image. Its pixels get a new segment, its outline gets none."""
    height, width = segments.shape
    shape = int(generator.integers(len(THINGS)))
    radius = generator.uniform(0.13, 0.26) * min(height, width)
    center = generator.uniform(0, width), generator.uniform(0.15 * height, height)
    corners = _corners(list(THINGS)[shape], radius, generator.uniform(0, 2 * math.pi), center)
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).polygon(corners, fill=2, outline=1)
    drawn = np.asarray(canvas)
    label = len(STUFF) + shape
    color = np.array(COLORS[label]) * generator.uniform(0.75, 1.1) + generator.normal(0, 8, 3)
    light = np.linspace(1.1, 0.9, height)[:, None, None]
    image[drawn == 2] = (color * light).repeat(width, 1)[drawn == 2]
    image[drawn == 1] = OUTLINE
    segments[drawn == 2] = len(labels)
    segments[drawn == 1] = NO_SEGMENT
    labels.append(label)


def _corners(name: str, radius: float, angle: float, center: tuple[float, float]) -> list[tuple[float, float]]:
    """Returns the corners (x, y) of a shape."""
    count = {"circle": 40, "square": 4, "triangle": 3, "star": 10}[name]  # 40 corners look round
    corners = []
    for corner in range(count):
        distance = radius * (0.45 if name == "star" and corner % 2 else 1)  # every second corner of a star lies inside
        direction = angle + 2 * math.pi * corner / count
        corners.append((center[0] + distance * math.cos(direction), center[1] + distance * math.sin(direction)))
    return corners
