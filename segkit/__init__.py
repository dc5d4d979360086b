"""Image segmentation by mask classification, assembled from interchangeable parts that YAML names.

Public names are imported at their first use, so `import segkit` loads neither torch nor timm.

Example:
    >>> import segkit
    >>> "dice" in segkit.LOSSES.names()
    True
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segkit.build import build_model
    from segkit.checkpoint import load_model
    from segkit.config import Config, load_config
    from segkit.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        RegistryError,
        SegkitError,
        TrainingError,
        TrainingStopped,
    )
    from segkit.evaluation.evaluate import evaluate
    from segkit.inference.predictor import Predictor
    from segkit.inspection.intermediates import record
    from segkit.registries import (
        BACKBONES,
        CHECKPOINT_FORMATS,
        DATASETS,
        EVALUATORS,
        HOOKS,
        LOSSES,
        MATCHERS,
        MODELS,
        OPTIMIZERS,
        PIXEL_DECODERS,
        POSTPROCESSORS,
        SCHEDULES,
        TRANSFORMER_DECODERS,
        TRANSFORMS,
        Hook,
        TrainingContext,
    )
    from segkit.training.train import train

__version__ = "0.1.0"

__all__ = [
    "BACKBONES",
    "CHECKPOINT_FORMATS",
    "DATASETS",
    "EVALUATORS",
    "HOOKS",
    "LOSSES",
    "MATCHERS",
    "MODELS",
    "OPTIMIZERS",
    "PIXEL_DECODERS",
    "POSTPROCESSORS",
    "SCHEDULES",
    "TRANSFORMER_DECODERS",
    "TRANSFORMS",
    "CheckpointError",
    "Config",
    "ConfigError",
    "DataError",
    "Hook",
    "Predictor",
    "RegistryError",
    "SegkitError",
    "TrainingContext",
    "TrainingError",
    "TrainingStopped",
    "build_model",
    "evaluate",
    "load_config",
    "load_model",
    "record",
    "train",
]


def _home(name: str) -> str:
    """Returns the module that defines a public name."""
    homes = {
        "Config": "segkit.config",
        "Hook": "segkit.registries",
        "Predictor": "segkit.inference.predictor",
        "TrainingContext": "segkit.registries",
        "build_model": "segkit.build",
        "evaluate": "segkit.evaluation.evaluate",
        "load_config": "segkit.config",
        "load_model": "segkit.checkpoint",
        "record": "segkit.inspection.intermediates",
        "train": "segkit.training.train",
    }
    if name in homes:
        return homes[name]
    return "segkit.registries" if name.isupper() else "segkit.errors"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'segkit' has no attribute '{name}'")
    value: object = getattr(import_module(_home(name)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
