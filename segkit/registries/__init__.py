"""One registry per kind of part, each in a file with the contract of what it holds.

Folder = registry = entry-point group (plural) = YAML key (singular): the parts in `segkit/pixel_decoders/` stand in
`PIXEL_DECODERS`, are declared in the entry-point group `segkit.pixel_decoders`, and configured under `pixel_decoder:`.

The signature of a part is the schema of its settings. segkit supplies what stands before `*`; YAML sets what stands
after it. A setting named like a kind holds the mapping of one such part, and a setting named like its plural
(`transforms`) a list of them. `*args` and `**kwargs` are refused.

A part of a module kind can be built on torch's meta device: apart from its settings, it computes from parameters and
buffers only. `segkit.testing` checks every contract and says what breaks it. The shapes are those of `segkit.types`.
"""

from segkit.registries.backbones import BACKBONES, Backbone, NormalizedBackbone, PartlyFrozenBackbone
from segkit.registries.checkpoint_formats import CHECKPOINT_FORMATS, CheckpointFormat, Imported, WritingFormat
from segkit.registries.datasets import DATASETS, AnnotationCounts, CountedDataset, Dataset, ExplainedDataset
from segkit.registries.evaluators import EVALUATORS, Evaluator
from segkit.registries.hooks import HOOKS, Hook, Progress, TrainingContext
from segkit.registries.layered import Layered
from segkit.registries.losses import (
    LOSSES,
    ClassLoss,
    ClassNormalizer,
    GeneralLoss,
    Loss,
    MaskLoss,
    TargetNormalizer,
)
from segkit.registries.matchers import MATCHERS, Matcher
from segkit.registries.models import MODELS, Model, NormalizedModel, TypedModel
from segkit.registries.optimizers import OPTIMIZERS, Optimizer
from segkit.registries.pixel_decoders import PIXEL_DECODERS, PixelDecoder
from segkit.registries.pixel_formatted import PixelFormatted
from segkit.registries.pixel_selective import PixelSelective
from segkit.registries.postprocessors import POSTPROCESSORS, Postprocessor
from segkit.registries.registry import Registry
from segkit.registries.schedules import SCHEDULES, Schedule
from segkit.registries.stepped import Stepped
from segkit.registries.transformer_decoders import TRANSFORMER_DECODERS, TransformerDecoder
from segkit.registries.transforms import TRANSFORMS, Transform

__all__ = [
    "BACKBONES",
    "BY_KIND",
    "BY_PLURAL",
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
    "REGISTRIES",
    "SCHEDULES",
    "TRANSFORMER_DECODERS",
    "TRANSFORMS",
    "AnnotationCounts",
    "Backbone",
    "CheckpointFormat",
    "ClassLoss",
    "ClassNormalizer",
    "CountedDataset",
    "Dataset",
    "Evaluator",
    "ExplainedDataset",
    "GeneralLoss",
    "Hook",
    "Imported",
    "Layered",
    "Loss",
    "MaskLoss",
    "Matcher",
    "Model",
    "NormalizedBackbone",
    "NormalizedModel",
    "Optimizer",
    "PartlyFrozenBackbone",
    "PixelDecoder",
    "PixelFormatted",
    "PixelSelective",
    "Postprocessor",
    "Progress",
    "Registry",
    "Schedule",
    "Stepped",
    "TargetNormalizer",
    "TrainingContext",
    "Transform",
    "TransformerDecoder",
    "TypedModel",
    "WritingFormat",
]

REGISTRIES: tuple[Registry[object], ...] = (
    BACKBONES,
    PIXEL_DECODERS,
    TRANSFORMER_DECODERS,
    MATCHERS,
    LOSSES,
    POSTPROCESSORS,
    MODELS,
    DATASETS,
    TRANSFORMS,
    EVALUATORS,
    OPTIMIZERS,
    SCHEDULES,
    HOOKS,
    CHECKPOINT_FORMATS,
)
"""All of them, in the order in which listings show them."""

BY_KIND = {registry.kind: registry for registry in REGISTRIES}
BY_PLURAL = {registry.plural: registry for registry in REGISTRIES}
