"""The shape glossary and the values that travel between parts.

Shapes: B batch · Q queries · K classes without no-object · C hidden_dim · E mask_dim · N segments of one image ·
M matched or chosen segments · H, W image · h, w mask map (usually H/4 x W/4) · P pixels or sampled points.

segment: one region of a target · mask: its pixels · void: pixels of unknown class · crowd: objects marked as one region
"""

from segkit.types.deferred import DeferredFeatures
from segkit.types.large_instances import LargeInstanceResult, MaskCrop
from segkit.types.metrics import Metrics
from segkit.types.pixels import RGB, PixelFormat, PixelType, pixel_format_of
from segkit.types.predictions import MaskProduct, PixelPrediction, Prediction
from segkit.types.results import InstanceResult, PanopticResult, PanopticSegment, Result, ResultSource, SemanticResult
from segkit.types.samples import Batch, Sample
from segkit.types.sizes import Feature, ImageSizes, Size
from segkit.types.targets import NO_SEGMENT, Match, Target

__all__ = [
    "NO_SEGMENT",
    "RGB",
    "Batch",
    "DeferredFeatures",
    "Feature",
    "ImageSizes",
    "InstanceResult",
    "LargeInstanceResult",
    "MaskCrop",
    "MaskProduct",
    "Match",
    "Metrics",
    "PanopticResult",
    "PanopticSegment",
    "PixelFormat",
    "PixelPrediction",
    "PixelType",
    "Prediction",
    "Result",
    "ResultSource",
    "Sample",
    "SemanticResult",
    "Size",
    "Target",
    "pixel_format_of",
]
