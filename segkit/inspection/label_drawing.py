"""Label files that cannot be used, drawn with the classes' colors, so that one sees what is wrong with them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.data.colors import fill_colors
from segkit.data.label_maps import Ids, read_label_map
from segkit.data.limit import without_limit
from segkit.errors import DataError
from segkit.registries import Dataset, ExplainedDataset
from segkit.results.overlay import overlay
from segkit.types import SemanticResult

_NAMED = 12
"""Ids of no class that have colors of their own, those of the most pixels."""


def draw_label_file(file: Path, index: int, dataset: Dataset) -> Image.Image:
    """Draws the ids in a label file: those of classes in the colors of the classes, others in further colors.

    Args:
        file: The label file.
        index: Of its image in the dataset.
        dataset: It tells whether the file holds ids of classes, and not numbers of instances, by its `stored_ids`.

    Raises:
        DataError: The file holds no ids.

    Example:
        >>> import tempfile
        >>> from segkit.datasets.shapes import Shapes
        >>> file = Path(tempfile.mkdtemp(), "a.png")
        >>> Image.new("L", (400, 300), 9).save(file)
        >>> draw_label_file(file, 0, Shapes()).width
        400
    """
    ids = read_label_map(file)
    pixels = np.bincount(ids.ravel(), minlength=1 << 16)
    classes = dataset.classes
    label_of = dict(zip(classes.ids, range(len(classes)), strict=True)) if _of_classes(pixels, index, dataset) else {}
    others = [id for id in np.argsort(-pixels, kind="stable").tolist() if pixels[id] and id not in label_of]
    named = [f"id {id}" for id in others[:_NAMED]] + ["other ids"]
    label_of |= {id: len(classes) + min(place, _NAMED) for place, id in enumerate(others)}
    colors = fill_colors([*classes.colors, *[None] * len(named)])
    return _drawn(ids, label_of, Classes.make([*classes.names, *named], colors=colors))


def _of_classes(pixels: npt.NDArray[np.int64], index: int, dataset: Dataset) -> bool:
    """Tells whether the ids in a label file are those of classes."""
    whole = without_limit(dataset)
    try:
        return isinstance(whole, ExplainedDataset) and np.array_equal(whole.stored_ids(index), pixels)
    except DataError:
        return False


def _drawn(ids: Ids, label_of: dict[int, int], classes: Classes) -> Image.Image:
    table = np.zeros(1 << 16, dtype=np.int64)
    table[list(label_of)] = list(label_of.values())
    paper = torch.full((3, *ids.shape), 255, dtype=torch.uint8)
    return overlay(paper, SemanticResult(torch.from_numpy(table[ids])), classes, opacity=1.0)
