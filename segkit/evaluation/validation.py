"""The `data.val` of a config, built once and evaluated any number of times."""

from collections.abc import Callable

import torch
from torch import nn

from segkit.build import build_dataset, build_evaluators, build_postprocessors, build_transforms
from segkit.checkpoint import classes_differ
from segkit.classes import Classes
from segkit.config import Config
from segkit.data.loading import evaluation_loader
from segkit.errors import ConfigError
from segkit.evaluation.loop import OnResult, check_evaluators, evaluate_model
from segkit.evaluation.tables import summary
from segkit.runtime.precision import Precision
from segkit.types import Metrics


class Validation:
    """The validation data with its loader, postprocessors and evaluators.

    Args:
        config: Must have `data.val` and evaluators.
        classes: Those of the model.
        size_divisor: Images are padded to multiples of it.
        rank: The number of this process.
        num_processes: The processes that share the images.

    Raises:
        ConfigError: The config has no `data.val` or no evaluators, an evaluator takes a result that no postprocessor
            gives, or the data set has other classes than the model.
    """

    def __init__(
        self, config: Config, classes: Classes, size_divisor: int, rank: int = 0, num_processes: int = 1
    ) -> None:
        split = config.experiment.data and config.experiment.data.val
        if not split:
            raise ConfigError(f"{config.path}: data.val: the section is missing. An evaluation needs a data set.")
        if not config.experiment.evaluators:
            raise ConfigError(
                f"{config.path}: evaluators: there are none. Name at least one, such as {{type: mean_iou}}."
            )
        self.config = config
        self.classes = classes
        self.dataset = build_dataset(split)
        difference = classes_differ(self.dataset.classes, classes)
        if difference:
            raise ConfigError(
                f"{config.path}: data.val: the data set has other classes than the model ({difference}). Name a data "
                "set with the model's classes."
            )
        self.postprocessors = build_postprocessors(config, classes)
        check_evaluators(self.postprocessors, build_evaluators(config, classes))
        self.loader = evaluation_loader(
            self.dataset,
            build_transforms(split.transforms),
            batch_size=split.batch_size,
            workers=split.workers,
            size_divisor=size_divisor,
            rank=rank,
            num_processes=num_processes,
        )

    def metric_names(self) -> list[str]:
        """Returns the names of the summary metrics that `run` computes."""
        evaluators = build_evaluators(self.config, self.classes)  # metrics of no image: only their names count
        return list(summary({name: evaluator.compute() for name, evaluator in evaluators.items()}))

    def run(
        self,
        model: nn.Module,
        device: torch.device | str,
        precision: Precision = "fp32",
        progress: Callable[[int], None] | None = None,
        on_result: OnResult | None = None,
    ) -> dict[str, Metrics]:
        """Computes the metrics of `model`, by evaluator; arguments as for `evaluate_model`."""
        return evaluate_model(
            model,
            self.loader,
            self.postprocessors,
            build_evaluators(self.config, self.classes),
            device=device,
            precision=precision,
            progress=progress,
            on_result=on_result,
        )
