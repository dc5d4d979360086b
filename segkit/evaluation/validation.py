"""The `data.val` of a config, built once and evaluated any number of times."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import torch
from torch import nn

from segkit.build import build_dataset, build_evaluators, build_postprocessors, build_transforms
from segkit.checkpoint import classes_differ
from segkit.classes import Classes
from segkit.config import Config
from segkit.config.sections import Split
from segkit.data.data_warnings import noted_warnings
from segkit.data.in_time import in_time
from segkit.data.loading import evaluation_batch, evaluation_loader
from segkit.data.padding import padded_size
from segkit.data.tally import Tally
from segkit.data.void_for_class import ImageClasses
from segkit.errors import ConfigError, DataError, counted, join_first
from segkit.evaluation.class_order import ReorderedClasses, class_order
from segkit.evaluation.loop import OnResult, check_evaluators, device_of, evaluate_model, evaluation_mode
from segkit.evaluation.tables import summary
from segkit.inference.semantic_options import with_options
from segkit.inference.sliding_window import SlidingWindow
from segkit.inference.window_predictor import WindowPredictor
from segkit.models._base import SegmentationModel
from segkit.registries import Evaluator, Postprocessor
from segkit.runtime.model_call import call_model
from segkit.runtime.precision import Precision
from segkit.runtime.processes import gather
from segkit.types import Batch, Metrics, SemanticResult, Size

_TRIED = 4
"""Sides of the smallest image, in units of the model's `size_divisor`, up to which it is tried before a training."""


class Validation:
    """The validation data with its loader, postprocessors and evaluators.

    Results and metrics have the classes of the dataset: its order, ids, colors and things. The model may have the same
    names in another order.

    Args:
        config: Must have `data.val` and evaluators.
        classes: Those of the model.
        size_divisor: Images are padded to multiples of it.
        rank: The number of this process.
        num_processes: The processes that share the images.
        postprocessors: In place of those of the config. Then evaluators that take other results are left out.

    Raises:
        ConfigError: The config has no `data.val` or no evaluators, an evaluator takes a result that no postprocessor
            gives, or the dataset has other class names than the model.
    """

    def __init__(
        self,
        config: Config,
        classes: Classes,
        size_divisor: int,
        rank: int = 0,
        num_processes: int = 1,
        postprocessors: Mapping[str, Postprocessor] | None = None,
    ) -> None:
        self.split = split = _split_of(config)
        self.config = config
        with noted_warnings() as self.warnings:
            self.dataset = build_dataset(split)
        self.classes = self.dataset.classes
        if set(self.classes.names) != set(classes.names):
            raise ConfigError(
                f"{config.path}: data.val: the dataset has other classes than the model "
                f"({classes_differ(self.classes, classes)}). Name a dataset with the model's classes."
            )
        self._order = class_order(classes, self.classes)
        self.tally = Tally(len(self.classes))
        """Of the targets of the last run, over all processes."""
        self.images: list[ImageClasses] = []
        """Of the last run, over all processes."""
        self._replaced = postprocessors is not None
        self.postprocessors = build_postprocessors(config, self.classes) if postprocessors is None else postprocessors
        if any(part.result_type is not SemanticResult for part in self.postprocessors.values()):
            _warn_of_other_things(classes, self.classes)
        # These evaluators are only checked, so that mistakes show before a training; each run builds fresh ones.
        check_evaluators(self.postprocessors, self.evaluators())
        self.transforms = build_transforms(split.transforms)
        self._batching = {"batch_size": split.batch_size, "size_divisor": size_divisor, "num_processes": num_processes}
        self.loader = evaluation_loader(
            self.dataset,
            self.transforms,
            workers=split.workers,
            rank=rank,
            timeout=split.timeout,
            **self._batching,
        )

    def metric_names(self) -> list[str]:
        """Returns the names of the summary metrics that `run` computes."""
        evaluators = self.evaluators()  # metrics of no image: only their names count
        return list(summary({name: evaluator.compute() for name, evaluator in evaluators.items()}))

    def evaluators(self) -> dict[str, Evaluator]:
        """Returns fresh evaluators, by name."""
        built = build_evaluators(self.config, self.classes)
        if not self._replaced:
            return built
        given = {part.result_type for part in self.postprocessors.values()}
        return {name: one for name, one in built.items() if one.result_type in given}

    def try_smallest(self, model: SegmentationModel, sizes: Mapping[int, Size]) -> None:
        """Predicts the batch of the smallest image, so that one too small for the model shows before a training.

        Nothing of it stays. Images of more than a few pixels in the coarsest map are not tried: it would take seconds.

        Args:
            model: On any device.
            sizes: (height, width) of some images of the dataset, by index.

        Raises:
            DataError: The image is too small for the model, or it is not loaded in time.
        """
        divisor = model.size_divisor
        padded = {index: math.prod(padded_size([size], divisor)) for index, size in sizes.items()}
        smallest = min(padded, key=lambda index: (padded[index], index), default=None)
        if smallest is None or padded[smallest] > (_TRIED * divisor) ** 2:
            return
        with torch.random.fork_rng(devices=[]), torch.inference_mode(), evaluation_mode(model):
            batch = in_time(self._batch_of, smallest, "data.val", self.split.timeout)
            images = batch.images.to(device_of(model))
            try:
                call_model(model, images, batch.sizes, batch.files)
            except DataError as error:
                raise DataError(f"data.val: {error}") from error

    def _batch_of(self, index: int) -> Batch:
        return evaluation_batch(index, self.dataset, self.transforms, **self._batching)

    def run(
        self,
        model: nn.Module,
        device: torch.device | str,
        precision: Precision = "fp32",
        progress: Callable[[int], None] | None = None,
        on_result: OnResult | None = None,
        window: int | None = None,
        augment: bool = False,
    ) -> dict[str, Metrics]:
        """Computes the metrics of `model`, by evaluator; arguments as for `evaluate_model` and `evaluate`.

        Warns of evaluators for which no target counted.

        Raises:
            ConfigError: As `with_options`.
        """
        own = Tally(len(self.classes))
        self.images = []
        ordered = model if self._order is None else ReorderedClasses(model, self._order)
        built = cast(SegmentationModel, ordered)  # as every model is
        windows = None
        if window is not None:
            windows = WindowPredictor(SlidingWindow(built, window), self.classes, torch.device(device), precision)
        metrics = evaluate_model(
            with_options(built, self.postprocessors, window, augment),
            self._counted(own),
            self.postprocessors,
            self.evaluators(),
            device=device,
            precision=precision,
            progress=progress,
            on_result=on_result,
            windows=windows,
        )
        first, *others = gather(own)
        self.tally = first.merge(others)
        self.images = [one for part in gather(self.images) for one in part]
        for text in unmeasured(metrics, self.tally, self.classes):
            warnings.warn(f"data.val: {text}", stacklevel=2)
        return metrics

    def _counted(self, tally: Tally) -> Iterator[Batch]:
        # Added up on the way, since a second pass would read all images again.
        for batch in self.loader:
            tally.add_tally(batch.tally)
            self.images += map(ImageClasses.of, batch.files, batch.targets)
            yield batch


def unmeasured(metrics: dict[str, Metrics], tally: Tally, classes: Classes) -> list[str]:
    """Returns a sentence for each reason why metrics tell nothing: no target counted, or all pixels have one class.

    Args:
        metrics: By evaluator.
        tally: Of the targets that were evaluated.
        classes: Of the dataset.

    Example:
        >>> metrics = {"mean_iou": Metrics({"mean_iou": math.nan}, {})}
        >>> unmeasured(metrics, Tally(num_classes=1), Classes.make(["car"]))
        ["no target counted for 'mean_iou', so its metrics are nan: the targets of 0 images have no segment."]
    """
    empty = [f"'{name}'" for name, one in metrics.items() if all(map(math.isnan, one.values.values()))]
    found = []
    if empty:
        found.append(
            f"no target counted for {' and '.join(empty)}, so {'its' if len(empty) == 1 else 'their'} metrics are nan: "
            f"{_what_there_was(tally)}."
        )
    if tally.only_class is not None:
        found.append(
            f"the class '{classes.names[tally.only_class]}' fills all known pixels of the targets: a model that "
            "predicts it everywhere scores 1.0."
        )
    return found


def _split_of(config: Config) -> Split:
    """Returns `data.val` of a config that can be evaluated.

    Raises:
        ConfigError: It has none, or no evaluators.
    """
    data = config.experiment.data
    split = data and data.val
    if not split:
        raise ConfigError(f"{config.path}: data.val: the section is missing. An evaluation needs a dataset.")
    if not config.experiment.evaluators:
        raise ConfigError(f"{config.path}: evaluators: there are none. Name at least one, such as {{type: mean_iou}}.")
    return split


def _what_there_was(tally: Tally) -> str:
    segments, images = int(tally.segments.sum()), f"the targets of {counted(tally.images, 'image')}"
    if segments:
        return f"{images} have {counted(segments, 'segment')}, but none that this evaluator measures"
    if tally.crowds:
        return f'{images} have {counted(tally.crowds, "annotation")}, all of them crowds ("iscrowd": 1)'
    if tally.void and not tally.known:
        return f"all pixels of {images} are void"
    return f"{images} have no segment"


def _warn_of_other_things(model: Classes, dataset: Classes) -> None:
    flags = dict(zip(model.names, model.things, strict=True))
    other = [name for name, thing in zip(dataset.names, dataset.things, strict=True) if flags[name] != thing]
    if other:
        warnings.warn(
            f"data.val: the dataset and the model disagree whether these classes are things: {join_first(other)}. "
            "The dataset decides.",
            stacklevel=3,
        )
