"""Images and models that do not fit together."""

from segkit.data.limit import without_limit
from segkit.errors import ConfigError
from segkit.registries import Dataset, Model
from segkit.types import pixel_format_of


def require_pixel_format(model: Model, dataset: Dataset, section: str) -> None:
    """Checks that a dataset has images of the channels and type that a model takes.

    Args:
        model: A built model.
        dataset: A built dataset.
        section: Of the config, `data.train` or `data.val`.

    Raises:
        ConfigError: It has others.

    Example:
        >>> import segkit
        >>> from segkit.datasets.shapes import Shapes
        >>> require_pixel_format(segkit.build_model("configs/quickstart.yaml"), Shapes(), "data.val")
    """
    taken, given = pixel_format_of(model), pixel_format_of(without_limit(dataset))
    if taken != given:
        raise ConfigError(
            f"{section}.dataset: its images have {given}, but the model takes {taken}. The model takes as many "
            "channels as model.pixel_mean has numbers, of the type model.pixel_type: set these two and "
            "model.pixel_std. `segkit check CONFIG --data` prints the numbers."
        )
