"""Builds the model of a checkpoint of transformers."""

from pathlib import Path
from typing import Any

from segkit.build import build_model
from segkit.classes import Classes
from segkit.config import Config, load_config
from segkit.errors import CheckpointError, ConfigError
from segkit.interop.huggingface.preprocessing import Preprocessing
from segkit.models._base import SegmentationModel
from segkit.runtime.checkpoint_source import CONFIG


def built(
    part: dict[str, Any], criterion: dict[str, Any], prepared: Preprocessing, classes: Classes, folder: Path
) -> tuple[Config, SegmentationModel]:
    """Returns the config and model that the files describe; the weights are not loaded yet.

    Args:
        part: The section `model` but for its pixel mean and deviation.
        criterion: The section `criterion`.
        prepared: How images are prepared.
        classes: The class list.
        folder: Where `config.json` lies, for error messages.

    Raises:
        CheckpointError: no model can be built so.
    """
    data = {
        "model": {**part, "pixel_mean": list(prepared.mean), "pixel_std": list(prepared.std)},
        "criterion": criterion,
        "postprocessors": [{"type": "semantic"}, {"type": "instance"}, {"type": "panoptic"}],
        "data": {"val": {"transforms": prepared.transforms}},
    }
    try:
        config = load_config(data, name=str(folder / CONFIG))
        return config, build_model(config, classes, initial_weights=False)
    except ConfigError as error:
        raise CheckpointError(f"{folder}: no model can be built from its {CONFIG}: {error}") from error
