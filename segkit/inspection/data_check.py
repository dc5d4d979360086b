"""Reads all images and targets of a config's datasets, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, get_args

from segkit.build import build_dataset, queries_to_match
from segkit.checkpoint import classes_differ
from segkit.config import Config
from segkit.config.sections import Split
from segkit.data.data_warnings import caught_warnings, is_about_data
from segkit.data.limit import without_limit
from segkit.data.quick_read import read_unread
from segkit.data.survey import Survey, survey_dataset
from segkit.data.survey_findings import (
    Finding,
    Level,
    as_sample,
    bad_images,
    equal_images,
    equal_targets,
    findings_of,
    similar_images,
)
from segkit.errors import ConfigError, DataError
from segkit.registries import Dataset
from segkit.types import pixel_format_of

Progress = Callable[[str, int, int], None]
"""`(split, images read since the last call, images of the split)`."""


@dataclass
class DataCheck:
    """What was found in the datasets of a config, by split (`data.train`, `data.val`)."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    """Those that could be built."""
    surveys: dict[str, Survey] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    """The worst first."""

    def summary(self) -> list[str]:
        """Returns a line for each dataset that could be read, and one for the pixels of images that are not RGB."""
        lines = []
        for split, survey in self.surveys.items():
            sample = replace(as_sample(self.datasets[split], survey), length=len(self.datasets[split]))
            lines.append(f"{split}: {sample.in_words()}")
            if survey.channels is not None:
                pixels = pixel_format_of(without_limit(self.datasets[split]))
                mean, std = survey.channels.mean, survey.channels.std
                lines.append(f"{split}: {pixels}: pixel_mean: {mean}, pixel_std: {std}, pixel_type: {pixels.type}")
        return lines

    def class_rows(self) -> tuple[list[str], list[list[str | int | float]]]:
        """Returns header and rows of the table of classes: the segments and the fraction of pixels in each dataset."""
        columns = ["class", *(f"{split}: {what}" for split in self.surveys for what in ("segments", "pixels"))]
        names = dict.fromkeys(name for survey in self.surveys.values() for name in survey.classes.names)
        rows: list[list[str | int | float]] = []
        for name in names:
            row: list[str | int | float] = [name]
            for survey in self.surveys.values():
                tally = survey.tally
                place = survey.classes.names.index(name) if name in survey.classes.names else None
                row += ["", ""] if place is None else [int(tally.segments[place]), tally.fraction(tally.pixels[place])]
            rows.append(row)
        return columns, rows

    def counts(self) -> dict[Level, int]:
        """Returns the number of findings of each level."""
        levels: tuple[Level, ...] = get_args(Level)
        return {level: sum(one.level == level for one in self.findings) for level in levels}


def check_data(config: Config, progress: Progress | None = None) -> DataCheck:
    """Reads everything of `data.train` and `data.val`, with the workers of each.

    Args:
        config: A checked config.
        progress: Called as images are read.

    Raises:
        ConfigError: The config names no dataset.

    Example:
        >>> import segkit
        >>> config = segkit.load_config("configs/quickstart.yaml", ["data.train.limit=2", "data.val.limit=2"])
        >>> check = check_data(config)
        >>> check.counts()["error"], {split: len(survey.images) for split, survey in check.surveys.items()}
        (0, {'data.train': 2, 'data.val': 2})
    """
    check = DataCheck()
    num_queries = queries_to_match(config)
    for split, section in _splits(config):
        with _as_findings(check.findings, split):
            with _unread_as_findings(check.findings, split, section, progress):
                dataset = build_dataset(section)
            check.datasets[split] = dataset
            advance = None if progress is None else _advance(progress, split, len(dataset))
            survey = survey_dataset(dataset, section.workers, advance, section=split, timeout=section.timeout)
            check.surveys[split] = survey
            check.findings += findings_of(split, dataset, survey, num_queries)
    in_both = [*equal_images(check.surveys), *similar_images(check.surveys)]
    check.findings += [*_other_classes(check), *in_both, *equal_targets(check.surveys, in_both)]
    check.findings.sort(key=lambda one: get_args(Level).index(one.level))
    return check


def _splits(config: Config) -> list[tuple[str, Split]]:
    data = config.experiment.data
    named: dict[str, Split | None] = {} if data is None else {"data.train": data.train, "data.val": data.val}
    found = [(name, split) for name, split in named.items() if split is not None and split.dataset is not None]
    if not found:
        raise ConfigError(f"{config.path}: data: the config names no dataset, so there is nothing to check.")
    return found


def _advance(progress: Progress, split: str, length: int) -> Callable[[int], None]:
    return lambda images: progress(split, images, length)


@contextmanager
def _as_findings(findings: list[Finding], split: str) -> Iterator[None]:
    """Turns what a dataset raises and warns of as a whole into findings, so that the other one is checked as well."""
    with caught_warnings() as caught:
        try:
            yield
        except DataError as error:
            findings += [Finding("error", split, line) for line in error.lines]
    findings += dict.fromkeys(
        Finding("warning", split, str(one.message), listed=getattr(one.message, "places", ()))
        for one in caught
        if is_about_data(one)
    )


@contextmanager
def _unread_as_findings(
    findings: list[Finding], split: str, section: Split, progress: Progress | None
) -> Iterator[None]:
    """Reads the files of a dataset that cannot be built as well, so that all of its problems are told."""
    try:
        yield
    except DataError as error:
        advance = None if progress is None else partial(progress, split)
        numbers: dict[str, Any] = {"workers": section.workers, "section": split, "timeout": section.timeout}
        findings += bad_images(split, read_unread(error, progress=advance, **numbers))
        raise


def _other_classes(check: DataCheck) -> Iterable[Finding]:
    classes = [survey.classes for survey in check.surveys.values()]
    if len(classes) == 2 and set(classes[0].names) != set(classes[1].names):
        difference = classes_differ(*classes)
        yield Finding("error", "data.val", f"the dataset has other classes than data.train ({difference}).")
