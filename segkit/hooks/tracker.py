"""The hook `tracker`: experiment trackers, by Accelerate."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
        with self._explained("cannot be started"):
            tracker = self._kind(self.project, **folder, **self.options)
            if hasattr(tracker, "start"):  # earlier versions of Accelerate start it when it is made
                tracker.start()
            tracker.store_init_configuration(flat(context.config))
        self._tracker = tracker

    def on_log(self, context: TrainingContext, values: Mapping[str, Json]) -> None:
        if self._tracker is not None:
            with self._explained("takes no more numbers"):
                self._tracker.log(_apart(numbers(values)), step=context.step)

    def on_end(self, context: TrainingContext) -> None:
        if self._tracker is not None:
            with self._explained("cannot be ended"):
                self._tracker.finish()

    @contextmanager
    def _explained(self, problem: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of the network, of the account, of an option
            raise SegkitError(
                f"hook 'tracker': '{self.name}' {problem} ({cause_of(error)}). Check its options and account, or "
                "remove the hook."
            ) from error


def _apart(values: Mapping[str, float]) -> dict[str, float]:
    """Renames `dice/0` beside `dice` to `dice.0`: MLflow can keep numbers in files, where `dice` would be a folder too.

    Example:
        >>> _apart({"losses/dice": 0.5, "losses/dice/0": 0.75})
        {'losses/dice': 0.5, 'losses/dice.0': 0.75}
    """
    parents = {name: name.rpartition("/")[0] for name in values}
    return {
        f"{parents[name]}.{name.rpartition('/')[2]}" if parents[name] in values else name: value
        for name, value in values.items()
    }
