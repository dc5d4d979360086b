"""A run's folder: where everything of one training lies."""

import json
import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from segkit.config import CONFIG_FILE, Config
from segkit.errors import CheckpointError, SegkitError
from segkit.registries import REGISTRIES
from segkit.runtime.writing import replace_file

RUNS = Path("runs")
STATE = "training_state.pt"


class RunFolder:
    """Paths of a run, and the writing of its small files. Nothing in it is ever overwritten by another run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.best = path / "best"
        self.last = path / "last"
        self.evaluation = path / "evaluation"
        self.overlays = path / "evaluation" / "overlays"

    @classmethod
    def new(cls, config: Config, output: str | Path | None) -> "RunFolder":
        """The folder of a run that begins: `output`, or one in `runs/` named like the config, numbered if taken.

        Raises SegkitError where `output` holds a run already.
        """
        if output is not None:
            if (Path(output) / CONFIG_FILE).exists():
                raise SegkitError(
                    f"{output}: holds a run already. Give another --output, or go on with it by --resume."
                )
            return cls(Path(output))
        taken = _runs_of(config)
        return cls(_numbered(config, taken[-1] + 1) if taken else _numbered(config, 1))

    @classmethod
    def existing(cls, config: Config, output: str | Path | None) -> "RunFolder":
        """The folder of a run to go on with: `output`, or the newest of this config's.

        Raises CheckpointError where there is none.
        """
        if output is not None:
            run = cls(Path(output))
        else:
            taken = _runs_of(config)
            run = cls(_numbered(config, taken[-1] if taken else 1))
        if run.newest_state() is None:
            raise CheckpointError(
                f"{run.path}: has no checkpoint to resume from (checkpoints/step_N/{STATE}). Start without --resume."
            )
        return run

    def checkpoint(self, step: int) -> Path:
        return self.path / "checkpoints" / f"step_{step}"

    def checkpoints(self) -> list[Path]:
        """Those that can be resumed from, oldest first."""
        found = [path for path in (self.path / "checkpoints").glob("step_*") if (path / STATE).is_file()]
        return sorted((path for path in found if path.name[5:].isdigit()), key=lambda path: int(path.name[5:]))

    def newest_state(self) -> Path | None:
        found = self.checkpoints()
        return found[-1] if found else None

    def prune_checkpoints(self, keep: int) -> None:
        for path in self.checkpoints()[: -max(keep, 1)]:
            shutil.rmtree(path)

    def start(self, config: Config, facts: dict[str, Any]) -> None:
        """Writes `config.yaml` and `environment.json`."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / CONFIG_FILE).write_text(config.to_yaml(), encoding="utf-8")
        (self.path / "environment.json").write_text(json.dumps(_environment() | facts, indent=1), encoding="utf-8")

    def forget_after(self, step: int) -> None:
        """Drops the lines of `metrics.jsonl` that a resumed run will write again, and one that was cut off."""
        if self.metrics.exists():
            lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
            with replace_file(self.metrics) as draft:
                draft.write_text("".join(kept), encoding="utf-8")


def _numbered(config: Config, number: int) -> Path:
    """`runs/mask_former/ade20k_r50` for `configs/mask_former/ade20k_r50.yaml`; the number from the second run on."""
    path = Path(config.path).with_suffix("")
    parts = path.parts
    below = parts[len(parts) - parts[::-1].index("configs") :] if "configs" in parts[:-1] else parts[-1:]
    folder = RUNS.joinpath(*below)
    return folder if number == 1 else folder.with_name(f"{folder.name}-{number}")


def _runs_of(config: Config) -> list[int]:
    """The numbers of this config's runs in `runs/`, ascending."""
    first = _numbered(config, 1)
    pattern = re.compile(re.escape(first.name) + r"(?:-(\d+))?")
    matches = [pattern.fullmatch(path.name) for path in first.parent.glob("*") if (path / CONFIG_FILE).is_file()]
    return sorted(int(match.group(1) or 1) for match in matches if match)


def _environment() -> dict[str, Any]:
    names = ("segkit", "torch", "torchvision", "timm", "accelerate", "numpy", "scipy", "pillow", "pycocotools")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {
        "command": sys.argv,
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
