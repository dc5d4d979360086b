"""What a check of the data found, as a self-contained HTML page with the worst images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from PIL import Image

from segkit.data.images import read_image
from segkit.data.read_sample import read_sample
from segkit.data.survey_findings import Finding, Place
from segkit.data.text import read_text
from segkit.errors import DataError
from segkit.inspection.data_check import DataCheck
from segkit.inspection.label_drawing import draw_label_file
from segkit.registries import Dataset
from segkit.results.comparison import LARGEST, side_by_side
from segkit.results.drawing import fitted
from segkit.results.html import Html, element, image, images, table, title_element, write_page
from segkit.results.target_overlay import target_overlay

_DRAWN = 4
"""Images that are drawn of each finding."""

_LISTED = 1000
"""Files that are listed of each finding."""


def write_data_page(path: Path, title: str, check: DataCheck) -> None:
    """Writes a page with all findings, the table of classes, and the worst images of each finding.

    Args:
        path: The file.
        title: Of the page.
        check: What was found. The images are read again from its datasets.

    Raises:
        WriteError: The file cannot be written.
    """
    columns, rows = check.class_rows()
    overview = [[one.level, one.split, one.text, len(one.places) or len(one.listed) or ""] for one in check.findings]
    write_page(
        path,
        title,
        [
            *(element("p", line) for line in check.summary()),
            element("h2", "Findings"),
            table(["level", "dataset", "what", "images or places"], overview) if overview else element("p", "None."),
            *(part for finding in check.findings for part in _images(finding, check.datasets)),
            element("h2", "Classes"),
            table(columns, rows, "Segments, and the fraction of all pixels"),
        ],
    )


def is_data_page(path: Path, title: str) -> bool:
    """Returns whether a file is a page of this title."""
    try:
        return title_element(title) in read_text(path, "a page")
    except DataError:
        return False


def _images(finding: Finding, datasets: dict[str, Dataset]) -> Iterator[Html]:
    """Yields a section of a finding about images or places: the worst ones, and the names of all."""
    if not finding.places and not finding.listed:
        return
    yield element("h2", f"{finding.level}: {finding.split}: {finding.text}")
    if finding.listed:
        yield table(["place"], [[place] for place in finding.listed])
        return
    drawn = ((place, _draw(place, datasets)) for place in finding.places[:_DRAWN])
    shown = [image(one, _described(place), longest=960) for place, one in drawn if one]
    yield images(shown)
    if len(shown) < len(finding.places):
        listed = [[place.file, place.detail] for place in finding.places[:_LISTED]]
        more = len(finding.places) - len(listed)
        yield table(["file", ""], listed, f"{more} more are not listed" if more else "")


def _draw(place: Place, datasets: dict[str, Dataset]) -> Image.Image | None:
    """Draws a place, or the images of a pair beside each other."""
    if place.like is None:
        return draw_place(place, datasets[place.split]) if place.split in datasets else None
    pair = [datasets[one.split][one.index].image for one in (place, place.like)]
    titles = [
        f"{one.split}: {image.shape[2]}x{image.shape[1]}" for one, image in zip((place, place.like), pair, strict=True)
    ]
    first, second = (fitted(image, LARGEST) for image in pair)
    return side_by_side(first, second.resize(first.size), titles=titles)


def _described(place: Place) -> str:
    return f"{place.file} ({place.detail})" if place.detail else place.file


def draw_place(place: Place, dataset: Dataset) -> Image.Image | None:
    """Draws an image beside its target. Of one that cannot be loaded, the file in question is drawn, if it can be read.

    Args:
        place: The image.
        dataset: That of the place.
    """
    try:
        sample = read_sample(dataset, place.index)
    except DataError:
        return _draw_file(Path(place.file), place.index, dataset)
    assert sample.target is not None
    return side_by_side(sample.image, target_overlay(sample.image, sample.target, dataset.classes))


def _draw_file(file: Path, index: int, dataset: Dataset) -> Image.Image | None:
    with suppress(DataError):
        return draw_label_file(file, index, dataset)
    with suppress(DataError):
        return side_by_side(read_image(file))
    return None
