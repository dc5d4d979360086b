"""What changes how a semantic model sees an image: windows and test-time augmentation."""

from collections.abc import Mapping

from segkit.errors import ConfigError
from segkit.inference.augmentation import Augmented
from segkit.inference.sliding_window import SlidingWindow
from segkit.models._base import SegmentationModel
from segkit.registries import Postprocessor
from segkit.types import SemanticResult

REASONS = {
    "window": "are merged across windows in predictions only. In an evaluation, only 'semantic' works with a window: "
    "leave out the window",
    "augment": "cannot be averaged, since each prediction has objects of its own. Only 'semantic' can be augmented: "
    "leave out the option",
}
"""Option -> why it does not work with segments, and what to do."""


def with_options(
    model: SegmentationModel, postprocessors: Mapping[str, Postprocessor], window: int | None, augment: bool
) -> SegmentationModel:
    """Returns the model that predicts as the options say.

    Args:
        model: Predicts an image, or a window of it.
        postprocessors: By name, those that run.
        window: Side of the windows that an image is split into.
        augment: Whether the predictions of several sizes and of the mirrored image are averaged.

    Raises:
        ConfigError: A postprocessor gives another type of result than SemanticResult, or the window does not suit the
            model.

    Example:
        >>> model = SegmentationModel()
        >>> with_options(model, {}, window=None, augment=False) is model
        True
    """
    if window is not None:
        require_semantic(postprocessors)
        model = SlidingWindow(model, window)
    if augment:
        require_semantic(postprocessors, "augment")
        model = Augmented(model)
    return model


def require_semantic(postprocessors: Mapping[str, Postprocessor], option: str = "window") -> None:
    """Checks that all of `postprocessors`, by name, work with an option of REASONS.

    Raises:
        ConfigError: One of them gives another type of result than SemanticResult.

    Example:
        >>> require_semantic({})
    """
    for name, postprocessor in postprocessors.items():
        if postprocessor.result_type is not SemanticResult:
            raise ConfigError(f"{option}: results of '{name}' {REASONS[option]} or the other postprocessors.")
