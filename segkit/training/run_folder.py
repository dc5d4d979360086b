"""The run folder: all files of one training."""

import json
import operator
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from itertools import count
from pathlib import Path

import torch

from segkit.config import CONFIG_FILE, Config
from segkit.config.annotated import annotated
from segkit.errors import CheckpointError, SegkitError, cause_of
from segkit.registries import REGISTRIES
from segkit.runtime.integrity import guard, require_intact, unguard
from segkit.runtime.locking import LOCK_FILE
from segkit.runtime.reading import read_utf8
from segkit.runtime.writing import Json, explain_write_errors, replace_file

RUNS = Path("runs")
"""Where run folders are made by default, in the working directory."""

ENVIRONMENT_FILE = "environment.json"
"""In a run folder: what its results depend on besides the config."""

STARTED = (CONFIG_FILE, ENVIRONMENT_FILE)
"""Files that a run has from its start. They are written once, so that their digests are always known."""

STATE_FILE = "training_state.pt"
"""In a checkpoint folder that a training can be resumed from."""

DAMAGED = ".damaged"
"""The suffix of what was found damaged and is kept aside."""

RESTORE = "Restore it from a copy."
"""What to do about a damaged file of a run that no command writes anew."""

_STEP = re.compile(r"step_(\d+)(?:\.writing|\.old)?")
"""A checkpoint folder; with a suffix, one whose writing was interrupted."""


class RunFolder:
    """The paths in a run folder, and its small files. A run never overwrites the files of another run.

    Args:
        path: The folder; it need not exist.

    Example:
        >>> RunFolder(Path("runs/example")).checkpoint(100)
        PosixPath('runs/example/checkpoints/step_100')
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.data_summary = path / "data_summary.json"
        self.repeat_factors = path / "repeat_factors.json"
        self.best = path / "best"
        self.last = path / "last"
        self.evaluation = path / "evaluation"
        self.overlays = path / "evaluation" / "overlays"

    @classmethod
    def new(cls, config: Config, output: str | Path | None) -> "RunFolder":
        """Chooses the folder of a new run: `output`, or one in `runs/` named like the config, numbered if it is taken.

        Raises:
            SegkitError: `output` holds a run already, or other files.
        """
        if output is None:
            return next(cls.unused(config))
        folder = Path(output)
        _refuse_file(folder)
        if (folder / CONFIG_FILE).exists():
            raise SegkitError(f"{output}: holds a run already. Give another --output, or continue it with --resume.")
        # A run replaces `best` and `last` and appends to its log: not in a folder of somebody's own files.
        if folder.exists() and any(path.name != LOCK_FILE for path in folder.iterdir()):
            raise SegkitError(f"{output}: is not empty. Give another --output, or empty the folder first.")
        return cls(folder)

    @classmethod
    def unused(cls, config: Config) -> Iterator["RunFolder"]:
        """Yields the folders in `runs/` for further runs of a config, in the order in which they are used."""
        taken = _runs_of(config)
        for number in count(taken[-1] + 1 if taken else 1):
            yield cls(_numbered(config, number))

    @classmethod
    def existing(cls, config: Config, output: str | Path | None) -> "RunFolder":
        """Finds the folder of the run to resume: `output`, or the newest run of this config, or that of its first."""
        if output is not None:
            _refuse_file(Path(output))
            return cls(Path(output))
        taken = _runs_of(config)
        return cls(_numbered(config, taken[-1] if taken else 1))

    def checkpoint(self, step: int) -> Path:
        """Returns the folder of the checkpoint after `step`."""
        return self.path / "checkpoints" / f"step_{step}"

    def checkpoints(self) -> list[Path]:
        """Returns the checkpoints that can be resumed from, oldest first."""
        return [path for path in self.all_checkpoint_paths() if (path / STATE_FILE).is_file()]

    def all_checkpoint_paths(self) -> list[Path]:
        """Returns the checkpoints, oldest first, those included whose writing was interrupted."""
        matches = [_STEP.fullmatch(path.name) for path in (self.path / "checkpoints").glob("step_*")]
        return [self.checkpoint(step) for step in sorted({int(match.group(1)) for match in matches if match})]

    def require_newest_checkpoint(self) -> Path:
        """Returns the newest checkpoint that can be resumed from.

        Raises:
            CheckpointError: There is none.
        """
        found = self.checkpoints()
        if not found:
            raise CheckpointError(f"{self.path}: has no checkpoint to resume from (checkpoints/step_N/{STATE_FILE}).")
        return found[-1]

    def way_on(self, saves: bool = False) -> str:
        """Returns how a training that has failed goes on, for messages.

        Args:
            saves: Whether its last whole step will be saved.
        """
        if saves or self.checkpoints():
            return "continue from the last checkpoint with --resume"
        return "start anew with --resume, since no step is saved"

    def prune_checkpoints(self, keep: int) -> None:
        """Removes all but the newest `keep` checkpoints; the newest one always stays."""
        for path in self.checkpoints()[: -max(keep, 1)]:
            with explain_write_errors(path):
                shutil.rmtree(path)

    def start(self, config: Config, facts: Mapping[str, Json]) -> None:
        """Makes the folder, and writes `config.yaml` and `environment.json`; that has the `facts` and origins too.

        Their digests are written last. Those of files that change with the training follow at its end.
        """
        unguard(self.path)
        with replace_file(self.path / ENVIRONMENT_FILE) as draft:
            draft.write_text(
                json.dumps({**_environment(), **facts, "config": annotated(config)}, indent=1), encoding="utf-8"
            )
        # The config comes last: its file marks the folder as a run.
        with replace_file(self.path / CONFIG_FILE) as draft:
            draft.write_text(config.to_yaml(), encoding="utf-8")
        self._guard([self.repeat_factors])

    def finish(self) -> None:
        """Writes the digests of all files of the folder, when its training has ended."""
        self._guard([self.metrics, self.data_summary, self.repeat_factors])

    def _guard(self, files: Iterable[Path]) -> None:
        guard(self.path, [*(file.name for file in files if file.is_file()), *STARTED])

    def num_processes(self) -> int:
        """Returns the number of processes with which the training was last started.

        Raises:
            CheckpointError: The folder does not tell, or the file was changed.
        """
        file = self.path / ENVIRONMENT_FILE
        if file.is_file():
            require_intact(file, RESTORE)
        try:
            number: int = json.loads(read_utf8(file))["num_processes"]
            return operator.index(number)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointError(
                f"{file}: does not tell the number of processes ({cause_of(error)}). Name the folder of a run."
            ) from error

    def discard_logs(self) -> None:
        """Removes what a run without checkpoint has logged, before it starts anew."""
        with explain_write_errors(self.metrics):
            self.metrics.unlink(missing_ok=True)


def _refuse_file(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise SegkitError(f"{output}: is not a folder. Give another --output.")


def _numbered(config: Config, number: int) -> Path:
    """Returns the run folder of this number, such as `runs/mask_former/ade20k_r50-2`.

    The example is for `configs/mask_former/ade20k_r50.yaml`; the first run has no number.
    """
    # A dict has no file; its name, such as "<dict>", says only where error messages locate its values.
    path = Path("run" if config.path.startswith("<") else config.path).with_suffix("")
    parts = path.parts
    below = parts[len(parts) - parts[::-1].index("configs") :] if "configs" in parts[:-1] else parts[-1:]
    folder = RUNS.joinpath(*below)
    return folder if number == 1 else folder.with_name(f"{folder.name}-{number}")


def _runs_of(config: Config) -> list[int]:
    """Returns the numbers of this config's runs in `runs/`, ascending."""
    first = _numbered(config, 1)
    pattern = re.compile(re.escape(first.name) + r"(?:-(\d+))?")
    matches = [pattern.fullmatch(path.name) for path in first.parent.glob("*") if (path / CONFIG_FILE).is_file()]
    return sorted(int(match.group(1) or 1) for match in matches if match)


def _environment() -> dict[str, Json]:
    """Returns what a result depends on besides the config."""
    names = ("segkit", "torch", "torchvision", "timm", "accelerate", "numpy", "scipy", "pillow", "pycocotools")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {
        "command": list(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in names},
        "plugins": {
            candidate.provider: candidate.version
            for kind in REGISTRIES
            for candidate in kind.candidates()
            if not candidate.own
        },
        "device": device,
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
    }
