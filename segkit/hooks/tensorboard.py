"""The hook `tensorboard`."""

from collections.abc import Mapping

from segkit.errors import ConfigError
from segkit.hooks._values import numbers
from segkit.registries import HOOKS, Hook, TrainingContext
from segkit.runtime.writing import Json


@HOOKS.register("tensorboard")
class TensorBoard(Hook):
    """Writes event files for TensorBoard into `tensorboard/` of the run folder. Needs the package `tensorboard`.

    They hold every number of `metrics.jsonl`.

    Raises:
        ConfigError: The package is not installed.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from torch import nn
        >>> from segkit.testing.hook import tiny_context
        >>> folder, hook = Path(tempfile.mkdtemp()), TensorBoard()
        >>> context = tiny_context(nn.Linear(1, 1), folder=folder)
        >>> hook.on_start(context)
        >>> hook.on_log(context, {"losses": {"total": 2.5}})
        >>> hook.on_end(context)
        >>> len(list((folder / "tensorboard").iterdir()))
        1
    """

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "hook 'tensorboard': the package 'tensorboard' is not installed. Install it (pip install tensorboard), "
                "or remove the hook."
            ) from error
        self._make_writer = SummaryWriter
        self._writer: SummaryWriter | None = None

    def on_start(self, context: TrainingContext) -> None:
        if context.is_main and context.folder is not None:
            # Steps that the resumed training makes again disappear from the plots.
            purge = context.step + 1 if context.step else None
            self._writer = self._make_writer(str(context.folder / "tensorboard"), purge_step=purge)

    def on_log(self, context: TrainingContext, values: Mapping[str, Json]) -> None:
        if self._writer is not None:
            for name, value in numbers(values).items():
                self._writer.add_scalar(name, value, context.step)

    def on_end(self, context: TrainingContext) -> None:
        if self._writer is not None:
            self._writer.close()
