"""What a training needs, besides the model's weights, to continue exactly where it stopped."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from segkit.errors import CheckpointError
from segkit.runtime.pickles import load_torch, save_torch
from segkit.runtime.reading import open_file
from segkit.training.log import LogRecord
from segkit.training.run_folder import STATE_FILE

_OF_STATES = ("model.", "training.optimizer.", "training.schedule.", "training.hooks.")
"""Settings that decide which parameters learn, how they are grouped, and which states they have."""

RandomState = dict[str, torch.Tensor | None]
"""The states of the random generators of one process."""


@dataclass
class TrainingState:
    """How far a training is."""

    step: int = 0
    """Optimizer steps done."""
    best: float | None = None
    """The best value so far of the metric that decides about `best`, negated if the metric is better when lower; None
    before the first evaluation."""
    evaluations_without_best: int = 0
    """Evaluations since then."""
    evaluated: int | None = None
    """The step of the last evaluation that counts in `best`. None in states of earlier versions, which were saved
    after the evaluation of their step."""
    skipped: int = 0
    """Steps in a row, up to this one, that were skipped because they were not finite."""
    skipped_of_all: int = 0
    """Steps of the whole training that were skipped for it. Overflows of fp16 do not count."""
    bad_images: list[int] = field(default_factory=list)
    """Images of the dataset that could not be loaded, by index, ascending."""

    num_images: int | None = None
    """Images of the dataset. None in states of earlier versions."""

    def __post_init__(self) -> None:
        if self.evaluated is None:
            self.evaluated = self.step

    def would_be_best(self, value: float) -> bool:
        """Returns whether an evaluation of this comparable value is better than all before."""
        return self.best is None or value > self.best

    def forget_best(self) -> None:
        """Lets the next evaluation be the best. If the present step was evaluated, it is evaluated once more."""
        if self.best is not None:
            self.best = None
            self.evaluated = min(self.evaluated or 0, self.step - 1)

    def count_evaluation(self, value: float) -> None:
        """Counts an evaluation after the present step, of this comparable value."""
        if self.would_be_best(value):
            self.best, self.evaluations_without_best = value, 0
        else:
            self.evaluations_without_best += 1
        self.evaluated = self.step


def write_state(
    file: Path,
    state: TrainingState,
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
    hooks: Mapping[str, dict[str, Any]],
    log: LogRecord | None = None,
) -> None:
    """Writes `training_state.pt`: progress, optimizer, loss scaler and hooks, and what the log holds.

    Random states are not needed: the random numbers of a step follow from the seed.

    Raises:
        OSError: The file cannot be written.
    """
    content = {
        "state": asdict(state),
        "optimizer": optimizer.state_dict(),
        "optimizer_type": _type_of(optimizer),
        "scaler": None if accelerator.scaler is None else accelerator.scaler.state_dict(),
        "num_processes": int(accelerator.num_processes),
        "hooks": dict(hooks),
        "log": None if log is None else asdict(log),
    }
    save_torch(content, file)


class SavedState:
    """The content of a `training_state.pt`.

    Args:
        folder: The checkpoint folder.

    Raises:
        CheckpointError: The file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self._explained():
            with open_file(folder / STATE_FILE) as stream:
                self._content: dict[str, Any] = load_torch(stream)
            self.state = TrainingState(**self._content["state"])
            """How far the training was."""
            self.random: list[RandomState | None] = self._content.get("random", [])
            """Random states of all processes, which earlier versions saved."""
            self.num_processes: int = self._content.get("num_processes") or len(self.random)
            """Processes of the training."""
            self.hooks: dict[str, dict[str, Any]] = self._content.get("hooks", {})  # earlier versions had none
            """States of the hooks, by name."""
            log: dict[str, Any] | None = self._content.get("log")
            self.log = None if log is None else LogRecord(**log)
            """What the log held. None in states of earlier versions."""

    def restore(
        self, optimizer: torch.optim.Optimizer, accelerator: Accelerator, changed: Mapping[str, str] | None = None
    ) -> None:
        """Sets the optimizer, the loss scaler and, of an earlier version, this process's random states.

        Call it last before the first step, so that nothing else draws random numbers in between.

        Args:
            optimizer: Has the settings of the config.
            accelerator: Of the training.
            changed: Settings that differ from those of the checkpoint: path -> a line about it. The optimizer keeps its
                own values of these; others, and what it has counted itself, it takes from the checkpoint.

        Raises:
            CheckpointError: The file was written by a training with another optimizer or model.
        """
        changed = changed or {}
        with self._explained([line for path, line in changed.items() if path.startswith(_OF_STATES)]):
            before, now = self._content.get("optimizer_type"), _type_of(optimizer)  # earlier versions did not save it
            if before not in (None, now):
                raise ValueError(f"it has the state of the optimizer {before}, which means nothing to {now}")
            own_values = _changed_values(self._content["optimizer"]["param_groups"], optimizer, changed)
            optimizer.load_state_dict(self._content["optimizer"])
            for group, values in zip(optimizer.param_groups, own_values, strict=True):
                group.update(values)
            if accelerator.scaler is not None and self._content["scaler"] is not None:
                accelerator.scaler.load_state_dict(self._content["scaler"])
            own = dict(enumerate(self.random)).get(int(accelerator.process_index))
            if own is not None:
                set_random_state(own)

    @contextmanager
    def _explained(self, changed: Sequence[str] = ()) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
            causes = "; ".join([str(error), *changed])
            raise CheckpointError(
                f"{self.folder / STATE_FILE}: the training cannot be resumed from it ({causes}). "
                f"Resume with the config it was made with, or start a new training with init_from={self.folder}."
            ) from error


def _changed_values(
    saved: Sequence[Mapping[str, Any]], optimizer: torch.optim.Optimizer, changed: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Returns what each group of the optimizer keeps: its values of the settings in `changed`.

    Raises:
        ValueError: The states mean nothing to them. They belong to the parameters by position, and an optimizer that is
            switched to something else, such as to momentum, has other ones.
    """
    old, new = ([len(group["params"]) for group in groups] for groups in (saved, optimizer.param_groups))
    if old != new:
        raise ValueError(f"the optimizer has groups of {old} parameters there, and of {new} now")
    names = {path.rpartition(".")[2] for path in changed if path.startswith("training.optimizer.")}
    kept = []
    for before, group in zip(saved, optimizer.param_groups, strict=True):
        kept.append({name: group[name] for name in names & group.keys() if group[name] != before.get(name)})
        for name, value in kept[-1].items():
            if not (_is_switched_on(value) and _is_switched_on(before.get(name))):
                raise ValueError(f"the optimizer has other states with {name} {value} than with {before.get(name)}")
    return kept


def _is_switched_on(value: object) -> bool:
    """Returns whether a value is a number, or several, and none is 0: among those, an optimizer keeps its states."""
    values = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(one, float | int) and not isinstance(one, bool) and one != 0 for one in values)


def _type_of(optimizer: torch.optim.Optimizer) -> str:
    kind = type(getattr(optimizer, "optimizer", optimizer))  # within Accelerate's
    return f"{kind.__module__}.{kind.__qualname__}"


def own_random_state() -> RandomState:
    """Returns the states of this process's random generators."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None}


def set_random_state(state: RandomState) -> None:
    """Sets this process's random generators to what `own_random_state` returned."""
    if state["cpu"] is not None:
        torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
