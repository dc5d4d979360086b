"""Settings of postprocessors in prediction, where they differ from those in evaluation."""

from segkit.config import Config

INSTANCE_SCORE = 0.5
"""Smallest score of instances where neither the caller nor the config sets one: average precision is measured with all
instances, but nobody wants to see those that are most likely wrong."""


def prediction_settings(config: Config, task: str) -> dict[str, float]:
    """Returns settings of the postprocessor that hold in prediction where the config sets none.

    Example:
        >>> import segkit
        >>> prediction_settings(segkit.load_config("configs/quickstart.yaml"), "semantic")
        {}
    """
    own = next((part for part in config.experiment.postprocessors if part["type"] == task), {})
    return {"score_threshold": INSTANCE_SCORE} if task == "instance" and "score_threshold" not in own else {}


def given(**settings: float | None) -> dict[str, float]:
    """Returns the settings that are given.

    Example:
        >>> given(score_threshold=0.3, overlap_threshold=None)
        {'score_threshold': 0.3}
    """
    return {name: value for name, value in settings.items() if value is not None}
