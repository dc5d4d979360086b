"""Samples of a config's datasets, drawn before and after the transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from PIL import Image
from torch import Tensor

from segkit.build import build_dataset, build_transforms
from segkit.config import Config
from segkit.config.sections import Split
from segkit.data.loading import evaluation_sample
from segkit.data.read_sample import read_sample
from segkit.data.sampling import order_of
from segkit.data.stream import Place, TrainingSamples, TrainingStream
from segkit.errors import ConfigError, DataError
from segkit.registries import Dataset, Transform
from segkit.results.comparison import side_by_side
from segkit.results.html import element, image, images, write_page
from segkit.results.names import OutputNames
from segkit.results.target_overlay import target_overlay, transformed_overlays
from segkit.runtime.writing import replace_file, require_folder
from segkit.types import Sample


@dataclass(frozen=True)
class DrawnSample:
    """One image of a dataset."""

    split: str
    """`train` or `val`."""
    file: str
    drawing: Image.Image
    """The image, with its target, and what the transforms make of it, side by side."""


@dataclass(frozen=True)
class BadSample:
    """One image of a dataset that cannot be drawn."""

    split: str
    """`train` or `val`."""
    error: DataError
    """It names the file."""


def draw_samples(config: Config, count: int) -> Iterator[DrawnSample | BadSample]:
    """Draws samples of `data.train`, then of `data.val`.

    Of `data.train`, these are the first images that a training with the config's seed learns from, with the random
    numbers that their transforms draw then; without `repeat_threshold`, since it would read all labels. Of `data.val`,
    they are spread over the dataset; as in an evaluation, the transforms change the image alone. An image that cannot
    be read, or is too small for a transform, gives a `BadSample`, and the next one follows.

    Args:
        config: A checked config.
        count: Images of each split.

    Raises:
        ConfigError: The config names no dataset.
        DataError: A dataset is empty.

    Example:
        >>> import segkit
        >>> config = segkit.load_config("configs/quickstart.yaml")
        >>> [sample.split for sample in draw_samples(config, 1)]
        ['train', 'val']
    """
    data = config.experiment.data
    named: dict[str, Split | None] = {} if data is None else {"train": data.train, "val": data.val}
    splits = {name: split for name, split in named.items() if split is not None and split.dataset is not None}
    if not splits:
        raise ConfigError(f"{config.path}: data: the config names no dataset, so there is nothing to draw.")
    training = config.experiment.training
    seed = 0 if training is None else training.seed
    for name, split in splits.items():
        dataset = build_dataset(split)
        if len(dataset) == 0:
            raise DataError(f"data.{name}: the dataset has no images. Check its paths and 'limit'.")
        drawn = _training(split, dataset, seed) if name == "train" else _validation(split, dataset)
        yield from islice(drawn, min(count, len(dataset)))


def write_samples_page(path: Path, title: str, samples: Iterable[DrawnSample | BadSample]) -> None:
    """Writes a self-contained page of samples, and of the errors of those that cannot be drawn.

    Raises:
        WriteError: The file cannot be written.
    """
    by_split: dict[str, list[DrawnSample | BadSample]] = {}
    for one in samples:
        by_split.setdefault(one.split, []).append(one)
    parts = [
        (
            element("h2", f"data.{split}"),
            *(element("p", f"error: {one.error}") for one in listed if isinstance(one, BadSample)),
            images(image(one.drawing, one.file, longest=1280) for one in listed if isinstance(one, DrawnSample)),
        )
        for split, listed in by_split.items()
    ]
    write_page(path, title, chain.from_iterable(parts))


def write_samples_folder(folder: Path, samples: Iterable[DrawnSample | BadSample]) -> None:
    """Writes samples that can be drawn as PNG files, `train/NAME.png` and `val/NAME.png`.

    Raises:
        WriteError: A file cannot be written.
    """
    require_folder(folder)
    names = {"train": OutputNames(), "val": OutputNames()}
    for one in samples:
        if isinstance(one, BadSample):
            continue
        with replace_file(folder / one.split / f"{names[one.split].of(one.file)}.png") as draft:
            one.drawing.save(draft, format="PNG")


def _training(split: Split, dataset: Dataset, seed: int) -> Iterator[DrawnSample | BadSample]:
    load = TrainingSamples(dataset, build_transforms(split.transforms), seed)
    for place in chain.from_iterable(TrainingStream(len(dataset), seed=seed, batch_size=1)):
        yield _or_bad("train", partial(_train_sample, load, place))


def _train_sample(load: TrainingSamples, place: Place) -> DrawnSample:
    before, after = read_sample(load.dataset, place[1]), load(place)
    return _side_by_side("train", before, after, transformed_overlays(before, after, load.dataset.classes))


def _validation(split: Split, dataset: Dataset) -> Iterator[DrawnSample | BadSample]:
    transforms = build_transforms(split.transforms)
    for index in order_of(dataset):
        yield _or_bad("val", partial(_val_sample, dataset, transforms, index))


def _val_sample(dataset: Dataset, transforms: Sequence[Transform], index: int) -> DrawnSample:
    before, after = read_sample(dataset, index), evaluation_sample(dataset, transforms, index).sample
    assert before.target is not None, f"{before.file}: a dataset must give each sample a target"
    drawn = target_overlay(before.image, before.target, dataset.classes)
    return _side_by_side("val", before, after, (drawn, after.image))


def _or_bad(split: str, draw: Callable[[], DrawnSample]) -> DrawnSample | BadSample:
    try:
        return draw()
    except DataError as error:
        return BadSample(split, error)


def _side_by_side(
    split: str, before: Sample, after: Sample, panels: tuple[Image.Image, Image.Image | Tensor]
) -> DrawnSample:
    titles = [
        f"{word} the transforms: {one.size[1]}x{one.size[0]}" for word, one in (("before", before), ("after", after))
    ]
    return DrawnSample(split, before.file, side_by_side(*panels, titles=titles))
