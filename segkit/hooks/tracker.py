"""The hook `tracker`: experiment trackers, by Accelerate."""

from collections.abc import Mapping
from typing import Any, Literal

from segkit.errors import ConfigError, SegkitError, cause_of
from segkit.hooks._values import flat, numbers
from segkit.registries import HOOKS, Hook, TrainingContext
from segkit.runtime.writing import Json

PACKAGES = {"comet_ml": "comet-ml"}
"""Tracker -> its package for pip, where the names differ."""


@HOOKS.register("tracker")
class Tracker(Hook):
    """Sends the config and every number of `metrics.jsonl` to an experiment tracker. Needs the tracker's package.

    A resumed training starts a new run in the tracker, unless `options` name one, such as `{id: my-run, resume: allow}`
    of wandb.

    Args:
        name: The tracker.
        project: The project, or experiment, that the run belongs to.
        options: Further arguments of the tracker, such as `{name: first, tags: [small]}` of `wandb.init`.

    Raises:
        ConfigError: The package is not installed.

    Example:
        >>> Tracker(name="clearml")
        Traceback (most recent call last):
            ...
        segkit.errors.ConfigError: hook 'tracker': name: the package 'clearml' is not installed. Install it (pip \
install clearml), or remove the hook.
    """

    def __init__(
        self,
        *,
        name: Literal["aim", "clearml", "comet_ml", "dvclive", "mlflow", "swanlab", "trackio", "wandb"],
        project: str = "segkit",
        options: dict[str, Any] | None = None,
    ) -> None:
        from accelerate import tracking  # slow to import

        available = {str(getattr(one, "value", one)) for one in tracking.get_available_trackers()}
        if name not in available:
            package = PACKAGES.get(name, name)
            raise ConfigError(
                f"hook 'tracker': name: the package '{package}' is not installed. Install it (pip install {package}), "
                "or remove the hook."
            )
        self.name = name
        self.project = project
        self.options = options or {}
        self._kind: Any = tracking.LOGGER_TYPE_TO_CLASS[name]
        self._tracker: Any = None

    def on_start(self, context: TrainingContext) -> None:
        if not context.is_main:
            return
        folder = {"logging_dir": str(context.folder)} if self._kind.requires_logging_directory else {}
        try:
            tracker = self._kind(self.project, **folder, **self.options)
            if hasattr(tracker, "start"):  # earlier versions of Accelerate start it when it is made
                tracker.start()
            tracker.store_init_configuration(flat(context.config))
        except Exception as error:  # of the network, of the account, of an option
            raise SegkitError(
                f"hook 'tracker': '{self.name}' cannot be started ({cause_of(error)}). Check its options and account, "
                "or remove the hook."
            ) from error
        self._tracker = tracker

    def on_log(self, context: TrainingContext, values: Mapping[str, Json]) -> None:
        if self._tracker is not None:
            self._tracker.log(numbers(values), step=context.step)

    def on_end(self, context: TrainingContext) -> None:
        if self._tracker is not None:
            self._tracker.finish()
