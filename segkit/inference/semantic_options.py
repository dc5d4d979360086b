"""What changes how a model sees an image: windows and test-time augmentation."""

from collections.abc import Mapping

from segkit.errors import ConfigError
from segkit.inference.augmentation import Augmented
from segkit.inference.sliding_window import SlidingWindow
from segkit.models._base import SegmentationModel
from segkit.registries import Postprocessor
from segkit.types import InstanceResult, PanopticResult, SemanticResult

MERGED = (SemanticResult, InstanceResult, PanopticResult)
"""The types of results that can be put together from windows."""


def with_options(
    model: SegmentationModel, postprocessors: Mapping[str, Postprocessor], window: int | None, augment: bool
) -> SegmentationModel:
    """Returns the model that predicts as the options say, for the semantic task.

    The segments of windows are not averaged but merged: `segkit.inference.window_predictor` does that.

    Args:
        model: Predicts an image, or a window of it.
        postprocessors: By name, those that run.
        window: Side of the windows that an image is split into.
        augment: Whether the predictions of several sizes and of the mirrored image are averaged.

    Raises:
        ConfigError: The results of a postprocessor cannot be merged or averaged, or the window does not suit the model.

    Example:
        >>> model = SegmentationModel()
        >>> with_options(model, {}, window=None, augment=False) is model
        True
    """
    for name, postprocessor in postprocessors.items():
        if window is not None and postprocessor.result_type not in MERGED:
            merged = ", ".join(one.__name__ for one in MERGED)
            raise ConfigError(
                f"window: results of '{name}' are of another type than {merged}, and only these can be put together "
                "from windows. Leave out the window or the postprocessor."
            )
        if augment and postprocessor.result_type is not SemanticResult:
            raise ConfigError(
                f"augment: results of '{name}' cannot be averaged, since each prediction has objects of its own. Only "
                "'semantic' can be augmented: leave out the option or the other postprocessors."
            )
    if window is not None:
        model = SlidingWindow(model, window)
    if augment:
        model = Augmented(model)
    return model
