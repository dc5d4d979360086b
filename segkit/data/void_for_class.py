"""Images in which void seems to stand for a class, such as masks of 0 and 255 beside others of 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segkit.classes import Classes
from segkit.errors import join_first
from segkit.types import Target

_MOST_FILES = 3
"""Files that the message names."""

_FEW_CLASSES = 2
"""Up to so many classes, one odd image is told. Among more, images of one class and void occur by chance."""

_MANY = 0.1
"""Fraction of the images that is no chance, among many classes."""


@dataclass(frozen=True)
class ImageClasses:
    """Which classes one image has, and whether it has void."""

    file: str
    classes: tuple[int, ...]
    """Class indices of the segments, each once, ascending; crowds excluded."""
    has_void: bool

    @classmethod
    def of(cls, file: str, target: Target) -> ImageClasses:
        """Looks at the target of an image."""
        labels = target.labels if target.is_crowd is None else target.labels[~target.is_crowd]
        has_void = target.valid is not None and not bool(target.valid.all())
        return cls(file, tuple(sorted(set(labels.tolist()))), has_void)


def void_for_class(classes: Classes, images: Sequence[ImageClasses]) -> str:
    """Says that void seems to stand for a class in some of the images.

    These have void beside one class at most, always the same one, while most of the others have more classes and no
    void.

    Args:
        classes: The class list.
        images: All images that were looked at.

    Returns:
        A sentence or two with the first files, or an empty text.

    Example:
        >>> images = [ImageClasses("0.png", (0, 1), has_void=False), ImageClasses("1.png", (0,), has_void=True)]
        >>> print(void_for_class(Classes.make(["background", "object"]), images))
        1 of the 2 images that were read has void beside the class 'background' and nothing else (1.png), and 1 has \
the class 'object' and no void. If void is 'object' there, as in masks of 0 and 255 beside others of 0 and 1, store \
the same ids in all label files, or map the ids of both to it.
    """
    odd = [one for one in images if one.has_void and len(one.classes) <= 1]
    alone = {label for one in odd for label in one.classes}
    even = [one for one in images if not one.has_void and not alone.issuperset(one.classes)]
    if not odd or not even or len(alone) > 1 or not _is_suspicious(classes, images, odd, even, alone):
        return ""
    others = sorted({label for one in even for label in one.classes} - alone)
    named = join_first([f"'{classes.names[label]}'" for label in others], limit=_MOST_FILES)
    beside = "".join(f" beside the class '{classes.names[label]}'" for label in alone)
    files = join_first([one.file for one in odd], limit=_MOST_FILES)
    one_other = len(others) == 1
    return (
        f"{len(odd)} of the {len(images)} images that were read {_has(odd)} void{beside} and nothing else ({files}), "
        f"and {len(even)} {_has(even)} the class{'' if one_other else 'es'} {named} and no void. If void is "
        f"{named if one_other else 'one of these'} there, as in masks of 0 and 255 beside others of 0 and 1, store the "
        "same ids in all label files, or map the ids of both to it."
    )


def _has(images: Sequence[ImageClasses]) -> str:
    return "has" if len(images) == 1 else "have"


def _is_suspicious(
    classes: Classes,
    images: Sequence[ImageClasses],
    odd: Sequence[ImageClasses],
    even: Sequence[ImageClasses],
    alone: set[int],
) -> bool:
    """Returns whether the odd images are no chance."""
    rest = [one for one in images if not (one.has_void and len(one.classes) <= 1)]
    # Void that lies beside all classes, such as at the borders of all images, is void.
    if len(even) < len(rest) / 2:
        return False
    if len(classes) <= _FEW_CLASSES:
        return True
    with_alone = sum(alone.issubset(one.classes) for one in rest)
    return len(odd) >= max(2, _MANY * len(images)) and with_alone > 0.9 * len(rest)
