"""Calls the hooks of a training."""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import torch

from segkit.errors import CheckpointError, TrainingError, cause_of
from segkit.registries.hooks import Hook, TrainingContext
from segkit.runtime.writing import Json
from segkit.training.state import own_random_state, set_random_state

PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.Size, torch.dtype, torch.device)
"""What a state may hold, beside tensors and collections. Subclasses, such as NumPy's float64, cannot be read again."""


class Hooks:
    """The hooks of one training. A context manager: they start at its beginning, and end however the training ends.

    Args:
        hooks: By the name under which their states are saved.
        context: What they get.
    """

    def __init__(self, hooks: Mapping[str, Hook], context: TrainingContext) -> None:
        self.context = context
        self.saved: Mapping[str, dict[str, Any]] | None = None
        """The states of the checkpoint that the training goes on from; None where it starts."""
        self._hooks = dict(hooks)
        self._ends = ExitStack()

    def __enter__(self) -> "Hooks":
        random = own_random_state()
        with ExitStack() as ends:
            for name, hook in self._hooks.items():
                ends.callback(hook.on_end, self.context)
                hook.on_start(self.context)
                if self.saved is not None:
                    self._restore(name, hook, self.saved)
            self._ends = ends.pop_all()
        # A training that is resumed starts its hooks once more, and must draw the same numbers all the same.
        set_random_state(random)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ends.__exit__(kind, error, traceback)

    def _restore(self, name: str, hook: Hook, saved: Mapping[str, dict[str, Any]]) -> None:
        if name in saved:
            _load(name, hook, saved[name])
        elif _has_state(hook):
            self.context.print(f"hook '{name}': the checkpoint has no state of it, so it starts anew")

    def after_step(self, unchanged: torch.Tensor) -> None:
        self.context.unchanged = unchanged
        self._call("after_step")

    def before_evaluation(self) -> None:
        self.context.evaluated_model = self.context.model
        self._call("before_evaluation")

    def after_evaluation(self, metrics: Mapping[str, float]) -> None:
        self._call("after_evaluation", metrics)

    def on_log(self, values: Mapping[str, Json]) -> None:
        self._call("on_log", values)

    def states(self) -> tuple[dict[str, dict[str, Any]], dict[str, Exception]]:
        """Returns the states to be saved, of the hooks that have any, and the errors of those that give none.

        A state that holds what could not be read from a checkpoint again is a TrainingError.
        """
        states: dict[str, dict[str, Any]] = {}
        errors: dict[str, Exception] = {}
        for name, hook in self._hooks.items():
            try:
                state = hook.state()
                _check_readable(f"hook '{name}': state()", state)
            except Exception as error:  # the code of hooks can fail in any way
                errors[name] = error
                continue
            if state:
                states[name] = state
        return states, errors

    def _call(self, method: str, *arguments: object) -> None:
        """Calls a method of all hooks, in order, also where one fails: what the others keep is saved after an error."""
        with ExitStack() as stack:
            for hook in reversed(list(self._hooks.values())):  # the stack calls the last one first
                stack.callback(getattr(hook, method), self.context, *arguments)


def _check_readable(where: str, value: object) -> None:
    """Raises TrainingError for a value that the reader of checkpoints refuses, since reading it could run code."""
    if isinstance(value, dict) and type(value) in (dict, OrderedDict):
        for key, one in value.items():
            _check_readable(f"{where}[{key!r}]", one)
    elif type(value) in (list, tuple, set):
        for number, one in enumerate(value):  # type: ignore[arg-type]
            _check_readable(f"{where}[{number}]", one)
    elif type(value) not in PLAIN and not isinstance(value, torch.Tensor):
        kind = type(value)
        raise TrainingError(
            f"{where} is of the type {kind.__module__}.{kind.__qualname__}, which a checkpoint cannot hold. Give "
            "tensors, numbers and texts of Python, and lists and mappings of them."
        )


def _has_state(hook: Hook) -> bool:
    """Returns whether a hook has something to save, as far as its state can be taken."""
    try:
        return bool(hook.state())
    except Exception:  # the code of hooks can fail in any way
        return True


def _load(name: str, hook: Hook, state: dict[str, Any]) -> None:
    try:
        hook.load_state(state)
    except Exception as error:  # the state of another version or model can fail in any way
        raise CheckpointError(
            f"hook '{name}': cannot go on from its saved state ({cause_of(error)}). Resume with the config that the "
            "checkpoint was made with, or start a new training with init_from."
        ) from error
