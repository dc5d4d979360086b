"""The hook `feature_cache`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from torch import nn

from segkit.errors import ConfigError, WriteError
from segkit.layers.freezing import frozen_part
from segkit.registries import HOOKS, Hook, TrainingContext
from segkit.registries.signature import Form, PositiveFloat
from segkit.runtime.cached_features import cache_features, name_of_features
from segkit.runtime.feature_store import FeatureStore


def _empty(folder: str) -> str:
    return "" if folder.strip() else "the path is empty. Name a folder."


@HOOKS.register("feature_cache")
class FeatureCache(Hook):
    """Keeps the features of a frozen backbone on disk, so that each image passes through it only once.

    The features of an image are found again where the backbone would see the very same pixels: in every epoch if the
    transforms have a fixed outcome, such as `resize`, and twice as many with `random_flip`. Evaluations use the cache
    too. Features are rounded to bfloat16. What is damaged is computed anew; trainings may share a folder at the same
    time, and features of other weights, backbones and sizes of images lie in it side by side.

    Args:
        folder: Where the features are kept, relative to the working directory. Remove it when it is no longer needed.
        max_gigabytes: Nothing more is added to the folder once its files have this size.

    Raises:
        ConfigError: The backbone is not frozen, or the model has none.
        WriteError: The folder cannot be made.

    Example:
        >>> import tempfile
        >>> from segkit.build import build_model
        >>> from segkit.config import load_config
        >>> model = build_model(load_config("configs/quickstart.yaml", ["model.backbone.frozen=true"]))
        >>> FeatureCache(folder=tempfile.mkdtemp()).on_model(model)
        >>> type(model.backbone.forward).__name__
        'CachedForward'
    """

    def __init__(self, *, folder: Annotated[str, Form(_empty)] | Path, max_gigabytes: PositiveFloat = 20.0) -> None:
        self.folder = Path(folder)
        self.max_bytes = int(max_gigabytes * 1e9)
        self._printed = ""

    def on_model(self, model: nn.Module) -> None:
        backbone = getattr(model, "backbone", None)
        if not isinstance(backbone, nn.Module):
            raise ConfigError(
                f"hook 'feature_cache': model {type(model).__name__} has no part `backbone`, whose features could be "
                "kept. Remove the hook, or choose a model with one, such as mask_former."
            )
        part = frozen_part(backbone)
        if part.training or any(parameter.requires_grad for parameter in part.parameters()):
            raise ConfigError(
                f"hook 'feature_cache': the backbone of model {type(model).__name__} is not frozen, so its features "
                "change with every step. Set model.backbone.frozen: true, or remove the hook."
            )
        try:
            self._store = FeatureStore(self.folder, name_of_features(part), self.max_bytes)
        except WriteError as error:
            raise WriteError(f"hook 'feature_cache': folder: {error} Name another folder.") from error
        cache_features(part, self._store)

    def after_evaluation(self, context: TrainingContext, metrics: Mapping[str, float]) -> None:
        self._print_found(context)

    def on_end(self, context: TrainingContext) -> None:
        self._print_found(context)

    def _print_found(self, context: TrainingContext) -> None:
        line = f"feature_cache: {self._store.in_words()}"
        if line != self._printed:
            context.print(line)
        self._printed = line
