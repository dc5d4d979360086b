"""What COCO files of annotation tools and of LVIS hold besides masks of all objects, and what is said about it."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from segkit.data.json_values import JsonEntry
from segkit.data.problems import Problems
from segkit.errors import DataWarning, counted


class Boxes:
    """Annotations that have a box but no mask: they are counted and left out.

    Args:
        file: The JSON file.
        problems: Takes the problem that no annotation has a mask.
    """

    def __init__(self, file: Path, problems: Problems) -> None:
        self._file, self._problems = file, problems
        self._places: list[str] = []

    def has(self, entry: JsonEntry) -> bool:
        """Returns whether an annotation has a box alone, and counts it then."""
        box = entry.values.get("bbox")
        # Tools write null, an empty list, or nothing.
        if entry.values.get("segmentation") or not isinstance(box, list) or len(box) != 4:
            return False
        self._places.append(entry.place)
        return True

    def finish(self, masks: int) -> None:
        """Warns of the boxes, or adds a problem where no annotation has a mask.

        Args:
            masks: Number of annotations with a mask.
        """
        if self._places and not masks:
            self._problems.add(
                f"no mask, but a box alone: {counted(self._places, 'annotation')}. Export them with polygons or "
                "run lengths."
            )
        elif self._places:
            message = (
                f"{self._file}: {len(self._places)} of {len(self._places) + masks} annotations have a box but no mask "
                "and are left out: their objects count as background. Draw their outlines to learn from them. The "
                f"first is {self._places[0]}."
            )
            warnings.warn(DataWarning(message, self._places), stacklevel=5)


def warn_of_partial_annotation(file: Path, images: Sequence[object]) -> None:
    """Warns of a file that says of some images that not all objects are annotated, as LVIS does.

    Args:
        file: The JSON file.
        images: Its list 'images'.
    """
    entries = [image for image in images if isinstance(image, dict)]
    partial = sum(bool(entry.get("not_exhaustive_category_ids")) for entry in entries)
    if partial or any("neg_category_ids" in entry for entry in entries):
        warnings.warn(
            f"{file}: this file annotates each category in some of the images only, as LVIS does "
            f"('neg_category_ids'), and not all of its objects in {partial} of {len(entries)} images "
            f"('not_exhaustive_category_ids'). segkit takes everything that is not annotated for background, in "
            f"training and in evaluation. Its average precision is therefore not that of the LVIS tools.",
            stacklevel=5,
        )
