"""What is wrong with the datasets of a config, or suspicious about them, after all of their images were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segkit.data.findings import nothing_annotated, suspicions
from segkit.data.limit import without_limit
from segkit.data.near_duplicates import near_duplicates
from segkit.data.sampling import DatasetSample, annotation_counts
from segkit.data.survey import TINY, BadImage, ImageFacts, Survey
from segkit.registries import Dataset, ExplainedDataset

Level = Literal["error", "warning", "note"]
"""An error ends a training or an evaluation. A warning is probably a mistake. A note is worth a look."""


@dataclass(frozen=True)
class Place:
    """An image that a finding is about."""

    split: str
    """`data.train` or `data.val`."""
    index: int
    """In the dataset."""
    file: str
    """The file in question: of the image, or of its target."""
    detail: str = ""
    """What is to be said about this image in particular."""
    like: Place | None = None
    """An image to be shown beside it."""


@dataclass(frozen=True)
class Finding:
    """One kind of problem, with all images that have it."""

    level: Level
    split: str
    text: str
    places: tuple[Place, ...] = ()
    """The worst first; none where the finding is about the dataset."""
    listed: tuple[str, ...] = ()
    """What the text counts, such as annotations of a file."""


def findings_of(split: str, dataset: Dataset, survey: Survey, num_queries: int | None = None) -> list[Finding]:
    """Returns what is to be said about one dataset.

    Args:
        split: `data.train` or `data.val`.
        dataset: The dataset.
        survey: What was read of it.
        num_queries: The most segments that a model can learn from one image; None if there is no such number.

    Example:
        >>> from segkit.data.survey import survey_dataset
        >>> from segkit.datasets.shapes import Shapes
        >>> dataset = Shapes(length=8)
        >>> *_, last = findings_of("data.val", dataset, survey_dataset(dataset), num_queries=6)
        >>> last.level, last.text, last.places[0].detail, len(last.places)
        ('warning', 'more segments than the model has queries (6), and each finds at most one. Raise num_queries to at \
least 7.', 'segments: 7', 3)
    """
    sample = as_sample(dataset, survey)
    found = bad_images(split, survey.bad)
    if survey.images or not survey.bad:
        if nothing := nothing_annotated(sample):
            verb = "learned" if split == "data.train" else "measured"
            found.append(Finding("error", split, f"nothing can be {verb}: {nothing}"))
        else:
            found += [Finding("warning", split, text) for text in suspicions(sample)]
    elif sample.stored_ids:
        found.append(Finding("warning", split, sample.stored_ids))
    return [*found, *_read_twice(split, survey), *_by_images(split, survey, num_queries)]


def bad_images(split: str, bad: Iterable[BadImage]) -> list[Finding]:
    """Returns an error for each thing that is wrong with images, with all that have it."""
    by_text: dict[str, list[Place]] = {}
    for one in bad:
        file, separator, text = one.error.partition(": ")
        if not separator:  # the message of a plugin may name no file
            file, text = "", one.error
        by_text.setdefault(text, []).append(Place(split, one.index, file))
    return [Finding("error", split, text, tuple(places)) for text, places in by_text.items()]


def _read_twice(split: str, survey: Survey) -> list[Finding]:
    """Returns a warning about images that the dataset has more than once. A dataset may cut a file into several."""
    first_of: dict[tuple[str, bytes], int] = {}
    twice = [
        Place(split, one.index, one.file, f"as image {first}")
        for one in survey.images
        if one.file and (first := first_of.setdefault((one.file, one.digest), one.index)) != one.index
    ]
    text = "more than once in this dataset, and count as often. Remove the others, unless they shall weigh more."
    return [Finding("warning", split, text, tuple(twice))] if twice else []


def equal_images(surveys: Mapping[str, Survey]) -> list[Finding]:
    """Returns a warning about images of validation whose pixels are those of a training image."""
    train, val = surveys.get("data.train"), surveys.get("data.val")
    if train is None or val is None:
        return []
    trained = {one.digest: one.file for one in train.images}
    twice = [one for one in val.images if one.digest in trained]
    if not twice:
        return []
    places = tuple(Place("data.val", one.index, one.file, _equal_to(one.file, trained[one.digest])) for one in twice)
    text = (
        "in data.train too, with the same pixels. Metrics tell less about new images then. Remove one of both, unless "
        "the model shall overfit."
    )
    return [Finding("warning", "data.val", text, places)]


def similar_images(surveys: Mapping[str, Survey]) -> list[Finding]:
    """Returns a warning about images of validation that show a training image, encoded anew or resized."""
    train, val = surveys.get("data.train"), surveys.get("data.val")
    if train is None or val is None:
        return []
    trained = {one.digest for one in train.images}
    others = [one for one in val.images if one.digest not in trained]
    places = []
    for ours, theirs in near_duplicates([one.thumbnail for one in train.images], [one.thumbnail for one in others]):
        image, like = others[ours], train.images[theirs]
        there = Place("data.train", like.index, like.file)
        places.append(Place("data.val", image.index, image.file, f"like {like.file}", there))
    if not places:
        return []
    text = (
        "in data.train too, encoded anew or resized. Metrics tell less about new images then. Look at the pairs, and "
        "remove one of both."
    )
    return [Finding("warning", "data.val", text, tuple(places))]


def equal_targets(surveys: Mapping[str, Survey], known: Iterable[Finding]) -> list[Finding]:
    """Returns a warning about images of validation that have the target of a training image of other pixels.

    Args:
        surveys: By split.
        known: The findings about images that are in both splits, whose targets are equal rightly.
    """
    train, val = surveys.get("data.train"), surveys.get("data.val")
    if train is None or val is None:
        return []
    in_both = {place.index for finding in known for place in finding.places}
    trained = {one.target_digest: one for one in train.images if one.target_digest}
    places = tuple(
        Place("data.val", one.index, one.file, f"that of {like.file}", Place("data.train", like.index, like.file))
        for one in val.images
        if one.index not in in_both and (like := trained.get(one.target_digest)) is not None
    )
    text = (
        "the same target as that of an image of data.train, though the images differ. Check that data.val does not "
        "read the label files of data.train."
    )
    return [Finding("warning", "data.val", text, places)] if places else []


def _equal_to(file: str, other: str) -> str:
    return "the same file" if file == other else f"equal to {other}"


def as_sample(dataset: Dataset, survey: Survey) -> DatasetSample:
    """Returns a survey as a sample that holds all images that could be read."""
    explained, whole = "", without_limit(dataset)
    if isinstance(whole, ExplainedDataset) and survey.stored_ids is not None:
        explained = whole.explain(survey.stored_ids)
    counts, images = annotation_counts(dataset), tuple(survey.images)
    return DatasetSample(survey.classes, len(images), survey.tally, counts, explained, images)


_Rule = tuple[Level, str, Callable[[ImageFacts], int], str]
"""Level and text of a finding, what is measured of each image, and how that is said; 0 is no finding."""

_RULES: tuple[_Rule, ...] = (
    ("warning", "segments without a pixel, which nothing learns from.", lambda one: one.empty, "empty segments: {}"),
    (
        "warning",
        "segments with class and pixels of another one, so that an object counts twice. Remove one of both.",
        lambda one: one.repeated,
        "repeated segments: {}",
    ),
    (
        "note",
        f"segments of fewer than {TINY} pixels, less than one pixel of a mask map.",
        lambda one: one.tiny,
        "tiny segments: {}",
    ),
    (
        "note",
        "more than nine tenths of the pixels are void or in crowds.",
        lambda one: round(100 * one.void) if one.void > 0.9 else 0,
        "void: {} %",
    ),
    ("note", "no segment.", lambda one: int(one.segments == 0), ""),
)
"""For any model."""


def _by_images(split: str, survey: Survey, num_queries: int | None) -> list[Finding]:
    """Returns what is to be said about single images that can be read."""
    queries: _Rule = (
        "warning",
        f"more segments than the model has queries ({num_queries}), and each finds at most one. Raise num_queries to "
        f"at least {survey.tally.most_segments}.",
        lambda one: one.segments if num_queries is not None and one.segments > num_queries else 0,
        "segments: {}",
    )
    return [
        Finding(level, split, text, places)
        for level, text, measure, detail in (queries, *_RULES)
        if (places := _worst(split, survey.images, measure, detail))
    ]


def _worst(
    split: str, images: Sequence[ImageFacts], measure: Callable[[ImageFacts], int], detail: str
) -> tuple[Place, ...]:
    """Returns the images whose measure is not 0, the largest first."""
    measured = sorted(((measure(one), one) for one in images), key=lambda pair: -pair[0])
    return tuple(Place(split, one.index, one.file, detail.format(value)) for value, one in measured if value)
