"""The segments of all images of a COCO file, in little memory.

A parsed JSON file takes one Python object per number. Datasets keep a few flat arrays of it, whose memory all loading
workers share.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segkit.datasets._coco_json import CocoFile, Entry
from segkit.errors import DataError, join_first


@dataclass(frozen=True)
class CocoSegments:
    """Labels, crowds and areas of the segments (or instances) of all images, one after the other. S: all segments."""

    starts: npt.NDArray[np.int64]
    """(images + 1,): image i has the segments starts[i] .. starts[i+1] - 1."""
    labels: npt.NDArray[np.int64]
    """(S,) class index 0..K-1."""
    is_crowd: npt.NDArray[np.bool_]
    """(S,)"""
    areas: npt.NDArray[np.float32]
    """(S,) in pixels, as the file gives them."""

    def of(self, image: int) -> npt.NDArray[np.int64]:
        """Returns the indices (N,) of the segments of an image. As in a list, image -1 is the last one.

        Indexing with them copies, so that nobody changes the dataset by changing a target.
        """
        image %= len(self.starts) - 1
        return np.arange(self.starts[image], self.starts[image + 1])


def make_segments(parsed: CocoFile, per_image: list[list[Entry]], names: list[str]) -> CocoSegments:
    """Makes the arrays of all segments.

    Args:
        parsed: the file that lists the categories.
        per_image: the entries of the segments of each image.
        names: for each image the file to name in an error message.

    Raises:
        DataError: a segment's category is not in the file.
    """
    class_index_of = {stored: class_index for class_index, stored in enumerate(parsed.classes.ids)}
    for image, name, entries in zip(parsed.images, names, per_image, strict=True):
        unknown = {entry["category_id"] for entry in entries} - class_index_of.keys()
        if unknown:
            raise DataError(
                f"{parsed.file}: image {image['id']} ({name}) has segments of the category ids "
                f"{join_first(sorted(unknown))}, which 'categories' does not list. Add them there, or correct the "
                f"segments."
            )
    # float32 holds whole areas up to 2**24 pixels exactly.
    flat = [entry for entries in per_image for entry in entries]
    return CocoSegments(
        np.cumsum([0, *map(len, per_image)], dtype=np.int64),
        np.array([class_index_of[entry["category_id"]] for entry in flat], dtype=np.int64),
        np.array([bool(entry.get("iscrowd", 0)) for entry in flat], dtype=np.bool_),
        np.array([entry["area"] for entry in flat], dtype=np.float32),
    )
