"""timm models with initial weights, and segkit's errors where timm cannot make one."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import load_state_dict, model_entrypoint
from torch import Tensor, nn

from segkit.errors import ConfigError, SegkitError, cause_of, counted, suggest

_FEATURE_OPTIONS = ("out_indices", "feature_cls")
"""Options of the feature extraction, which the whole model with its classifier does not take."""
_FILTERS = ("checkpoint_filter_fn", "_filter_fn", "_filter_torchvision_pretrained")
"""Names under which timm's model files keep the function that renames the tensors of older or original files."""

_FAILURES = (
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    AssertionError,
    ArithmeticError,
)
"""What timm raises where it cannot make a model."""


def create_feature_model(
    part: str,
    name: str,
    pretrained: bool,
    weights: str | PathLike[str] | None,
    options: Mapping[str, Any],
    channels: int = 3,
) -> nn.Module:
    """Creates the timm model `name` as a feature extractor.

    Args:
        part: Name of the backbone, for messages.
        name: Name of a timm model, with or without the tag of its weights.
        pretrained: Load timm's published weights.
        weights: Load this file instead.
        options: Further arguments of the model.
        channels: Of the images.

    Raises:
        ConfigError: timm has no such model, or it cannot extract features.
        SegkitError: the weights cannot be loaded.
    """
    weights = None if weights is None else fspath(weights)
    base_name = name.partition(".")[0]
    if not timm.is_model(base_name):
        raise ConfigError(
            f"backbone '{part}': name: timm {timm.__version__} has no model '{name}'."
            f"{suggest(base_name, timm.list_models())} timm.list_models('*part*') finds names."
        )
    if "in_chans" in options:
        raise ConfigError(
            f"backbone '{part}': options: in_chans: the number of channels is that of the numbers in model.pixel_mean. "
            "Remove it, and give pixel_mean and pixel_std one number per channel."
        )
    if weights is not None and not Path(weights).is_file():
        raise SegkitError(f"backbone '{part}': weights: there is no file '{weights}'. Correct the path.")
    arguments = dict(options)
    if channels != 3:
        arguments["in_chans"] = channels
    try:
        if weights is not None:
            arguments["pretrained_cfg_overlay"] = {"file": weights, **_of_channels(weights, name, channels)}
        with _unknown_tensors_unsaid():
            body: nn.Module = timm.create_model(
                name, features_only=True, pretrained=pretrained or weights is not None, **arguments
            )
        if weights is not None:
            _refuse_foreign_tensors(weights, name, options)
    except _FAILURES as error:
        raise _explain(error, part, name, pretrained, weights) from error
    return body


@contextmanager
def _unknown_tensors_unsaid() -> Iterator[None]:
    """Keeps timm from logging tensors that a feature extractor does not have: a classifier is expected to be there."""
    logger = logging.getLogger("timm.models._builder")
    logger.addFilter(_is_of_other_things)
    try:
        yield
    finally:
        logger.removeFilter(_is_of_other_things)


def _is_of_other_things(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Unexpected keys")


def _of_channels(weights: str, name: str, channels: int) -> dict[str, Any]:
    """Returns what tells timm that a file has weights for so many channels: others are adapted from three.

    Raises ValueError where it has weights for another number.
    """
    config: Any = timm.get_pretrained_cfg(name)
    if channels == 3 or config is None or not config.first_conv:
        return {}
    tensors = load_state_dict(weights, weights_only=True)
    names = [config.first_conv] if isinstance(config.first_conv, str) else list(config.first_conv)
    stored = {tensors[f"{one}.weight"].shape[1] for one in names if f"{one}.weight" in tensors}
    if not stored <= {3, channels}:
        raise ValueError(f"its first convolution takes {stored.pop()} channels, not 3 or {channels}")
    return {"first_conv": None, "input_size": (channels, *config.input_size[1:])} if stored == {channels} else {}


def _refuse_foreign_tensors(weights: str, name: str, options: Mapping[str, Any]) -> None:
    """Raises ValueError where the file has tensors that the whole model, classifier included, does not have.

    A feature extractor lacks the classifier, so timm loads files into it without asking that every tensor finds its
    place. A file of a larger model of the same family would pass unnoticed.
    """
    with torch.device("meta"):  # only names and shapes are needed
        whole = timm.create_model(name, **{key: value for key, value in options.items() if key not in _FEATURE_OPTIONS})
    tensors = _renamed(load_state_dict(weights, weights_only=True), whole, name)
    known = whole.state_dict()
    foreign = [tensor for tensor in tensors if tensor not in known]
    if foreign:
        raise ValueError(f"{counted(foreign, 'tensor')} of another model, such as {foreign[0]}")


def _renamed(tensors: dict[str, Tensor], model: nn.Module, name: str) -> dict[str, Tensor]:
    """The tensors under the names that timm gives them before it loads them into `model`."""
    module = sys.modules[model_entrypoint(name).__module__]
    filters = (getattr(module, function, None) for function in _FILTERS)
    rename: Callable[..., dict[str, Tensor]] | None = next(filter(None, filters), None)
    if rename is None:
        return tensors
    try:
        return rename(tensors, model)
    except TypeError:  # some take the tensors alone, as timm's own loading allows
        return rename(tensors)


def _explain(error: Exception, part: str, name: str, pretrained: bool, weights: str | None) -> SegkitError:
    cause = cause_of(error)
    if weights is not None:
        return SegkitError(
            f"backbone '{part}': weights: the file '{weights}' does not hold the weights of '{name}' ({cause}). Give a "
            "state dict of that model as timm saves it."
        )
    if pretrained:
        return SegkitError(
            f"backbone '{part}': pretrained: the published weights of '{name}' could not be fetched ({cause}). Copy "
            "them from a machine with network access and set `weights: FILE`, or start from random weights with "
            "`pretrained: false`."
        )
    return ConfigError(f"backbone '{part}': '{name}' cannot be made a feature pyramid ({cause}).")
