"""What is wrong or suspicious about a dataset, in words, before anything is learned from it.

A sample decides where it holds all images. Where it holds a part of them, counts of all annotations decide if the
dataset publishes them; without them, rare classes may be missing by chance, and nothing is an error.
"""

from __future__ import annotations

from segkit.data.sampling import DatasetSample, percent
from segkit.data.void_for_class import void_for_class
from segkit.errors import counted, join_first

_MOST_NAMES = 8
"""Class names in one message."""


def nothing_annotated(sample: DatasetSample) -> str:
    """Says that there is nothing to learn from, and why; returns an empty string where there is.

    Example:
        >>> from segkit.data.sampling import sample_dataset
        >>> from segkit.datasets.shapes import Shapes
        >>> nothing_annotated(sample_dataset(Shapes(length=2)))
        ''
    """
    tally, counts = sample.tally, sample.counts
    if sample.length == 0:
        return "the dataset has no images. Check its paths and `limit`."
    if tally.segments.any():
        return ""
    if counts is not None and any(counts.segments):
        return _without_pixels(sample)
    crowds = tally.crowds if counts is None else counts.crowds
    if crowds:
        every = f"all {counted(crowds, 'annotation')} are crowds" if crowds > 1 else "the only annotation is a crowd"
        return (
            f'{every} ("iscrowd": 1), which count neither in training nor in evaluation. Set "iscrowd": 0 for single '
            "objects; some tools write 1 for every mask that is drawn with a brush."
        )
    if tally.void and not tally.known:
        advice = sample.stored_ids or "Check which ids stand for void, and that the label files belong to these images."
        return f"all pixels of {sample.images_in_words} are void. {_sentence(advice)}"
    return (
        f"there is no annotated segment in {_all_images(sample)}. Check that the annotations are those of these "
        "images, and that they were exported with masks."
    )


def _without_pixels(sample: DatasetSample) -> str:
    """Says that annotations show nothing, where most of the images looked at have some and none shows a segment."""
    classes = sample.counts.image_classes if sample.counts is not None else None
    annotated = 0 if classes is None else sum(bool(classes[index]) for index in sample.indices)
    if not sample.complete and 2 * annotated <= sample.tally.images:
        return ""
    where = (
        f"any of the {counted(sample.length, 'image')}"
        if sample.complete and sample.length > 1
        else sample.images_in_words
    )
    return f"no annotated segment has a pixel in {where}. Check that the annotations are in pixels of these images."


def is_certain(sample: DatasetSample) -> bool:
    """Returns whether what never occurs in the sample is known to occur in no other image either."""
    return sample.complete or sample.counts is not None


def suspicions(sample: DatasetSample, num_queries: int | None = None) -> list[str]:
    """Says what is suspicious about a dataset that has segments, one sentence or two each.

    Args:
        sample: Of the dataset.
        num_queries: The most segments that a model can learn from one image; None if there is no such number.

    Example:
        >>> from segkit.data.sampling import sample_dataset
        >>> from segkit.datasets.shapes import Shapes
        >>> print(*suspicions(sample_dataset(Shapes(length=1)), num_queries=2))
        the classes 'grass', 'sand', 'circle', 'star' (4 of 8) occur in no image. an image has 6 segments, but the \
model has 2 queries, and each learns at most one segment. Raise num_queries to at least 6.
    """
    tally, counts = sample.tally, sample.counts
    found = [*_absent_classes(sample), only_class(sample), void_for_class(sample.classes, sample.images)]
    crowds, segments = (
        (tally.crowds, int(tally.segments.sum())) if counts is None else (counts.crowds, sum(counts.segments))
    )
    if crowds > segments:
        found.append(
            f'{crowds} of {crowds + segments} annotations are crowds ("iscrowd": 1), which count neither in training '
            'nor in evaluation. Set "iscrowd": 0 for single objects.'
        )
    void = tally.fraction(tally.void)
    if void > 0.5:
        found.append(
            f"{percent(void)} of the pixels of {sample.images_in_words} are void or in crowds, and are left out. Check "
            "which ids or annotations stand for void."
        )
    most = max(tally.most_segments, 0 if counts is None else counts.most_segments)
    if num_queries is not None and most > num_queries:
        found.append(
            f"an image has {counted(most, 'segment')}, but the model has {counted(num_queries, 'query')}, and each "
            "learns at most one "
            f"segment. Raise num_queries to at least {most}."
        )
    if sample.stored_ids:
        found.append(sample.stored_ids)
    return [text for text in found if text]


def name_classes(names: list[str], total: int) -> str:
    """Names some of `total` classes.

    Example:
        >>> name_classes(["car"], 3), name_classes(["car", "bus"], 3)
        ("the class 'car' (of 3)", "the classes 'car', 'bus' (2 of 3)")
    """
    listed = join_first([f"'{name}'" for name in names], limit=_MOST_NAMES)
    return f"the class {listed} (of {total})" if len(names) == 1 else f"the classes {listed} ({len(names)} of {total})"


def _absent_classes(sample: DatasetSample) -> list[str]:
    counts, total = sample.counts, len(sample.classes)
    absent = sample.tally.absent
    if counts is not None and not sample.complete:  # a complete sample also knows which segments have pixels
        absent = [index for index in absent if counts.segments[index] == 0]
    # In a part of the images, rare classes may be missing by chance: half of all classes are not rare.
    if not absent or (not is_certain(sample) and 2 * len(absent) < total):
        return []
    crowds = {*sample.tally.crowds_of.nonzero()[0].tolist(), *(() if counts is None else counts.crowd_classes)}
    never, in_crowds = ([index for index in absent if (index in crowds) == wanted] for wanted in (False, True))
    found = []
    if never:
        verb = "occurs" if len(never) == 1 else "occur"
        found.append(f"{_named(never, sample)} {verb} in {_no_image(sample)}.")
    if in_crowds:
        where = "" if is_certain(sample) else f" in {sample.images_in_words}"
        found.append(
            f"all objects of {_named(in_crowds, sample)}{where} are crowds, which count neither in training nor in "
            "evaluation."
        )
    return found


def _named(indices: list[int], sample: DatasetSample) -> str:
    return name_classes([sample.classes.names[index] for index in indices], len(sample.classes))


def only_class(sample: DatasetSample) -> str:
    """Says that one class fills all known pixels; returns an empty text where there are more.

    Example:
        >>> from segkit.data.sampling import sample_dataset
        >>> from segkit.datasets.shapes import Shapes
        >>> only_class(sample_dataset(Shapes(length=2)))
        ''
    """
    only = sample.tally.only_class
    if only is None:
        return ""
    return (
        f"the class '{sample.classes.names[only]}' fills all known pixels of {sample.images_in_words}: a model that "
        "predicts it everywhere scores 1.0 and has learned nothing."
    )


def _no_image(sample: DatasetSample) -> str:
    return "no image" if is_certain(sample) else f"none of {sample.images_in_words}"


def _all_images(sample: DatasetSample) -> str:
    return f"any of the {counted(sample.length, 'image')}" if sample.counts is not None else sample.images_in_words


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
