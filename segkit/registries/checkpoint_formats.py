"""Checkpoint formats: files of other programs to models of segkit, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from segkit.classes import Classes
    from segkit.runtime.checkpoint_source import CheckpointSource
    from segkit.runtime.weights import LoadReport


@dataclass
class Imported:
    """A checkpoint of another program in segkit's terms: what `save_checkpoint` takes, and what became of its content.

    Example:
        >>> from segkit.classes import Classes
        >>> Imported(model=None, config=None, classes=Classes.make(["sky"]), report=None).notes
        []
    """

    model: nn.Module
    """With the weights of the file, in eval mode, on the CPU."""
    # Any: Config lies above the registries.
    config: Any
    """What the model was built from, a `segkit.Config`."""
    classes: Classes
    """What the model was built for."""
    report: LoadReport
    """Tensors by the names of the file; every one of them is in `loaded` or `unexpected`."""
    notes: list[str] = field(default_factory=list)
    """What a user should know: what the files do not tell, what is left out, what differs in segkit. A sentence each,
    without a period at the end."""


class CheckpointFormat(Protocol):
    """Reads the checkpoints that another program writes for one model.

    `segkit convert SOURCE DEST` asks every installed format whether it recognizes the source, and reads it by the one
    that does. So the module of a format must be quick to import: it imports torch, the model and the code that
    translates names within `read` and `write`. What formats share is in `segkit.interop`.

    A format that can write as well has the method of `WritingFormat`.

    Example:
        >>> class Tiny:
        ...     looks_for = "a folder or hub name with a config.json of model_type 'tiny'"
        ...
        ...     def recognizes(self, source):
        ...         return source.config.get("model_type") == "tiny"
        ...
        ...     def read(self, source, *, things=None):
        ...         from acme_segkit.tiny_reading import read_tiny  # slow: it imports torch
        ...
        ...         return read_tiny(source.name, things)  # an Imported
        >>> from segkit.runtime.checkpoint_source import CheckpointSource
        >>> Tiny().recognizes(CheckpointSource("configs"))
        False
    """

    @property
    def looks_for(self) -> str:
        """What it recognizes a checkpoint by, in words: `a folder with a config.json of model_type 'tiny'`."""

    def recognizes(self, source: CheckpointSource, /) -> bool:
        """Whether the source is a checkpoint of this format.

        It looks at `source.config` or `source.tensor_names`, which run nothing of the files and are read once for all
        formats. A damaged or unsupported checkpoint of the format is recognized too: `read` says what is wrong with it.
        """

    def read(
        self,
        source: CheckpointSource,
        /,
        *,
        config: Any = None,
        classes: Classes | None = None,
        things: Sequence[str] | None = None,
    ) -> Imported:
        """Reads it all.

        A format takes those of the three parameters that it needs; `segkit convert` refuses the options of the others.
        `config` is the loaded `--config`, the `segkit.Config` of the model, for files of tensors alone; `classes` the
        list in `--classes`; `things` the names after `--things`. Raises CheckpointError where files are damaged, a
        setting is not supported, or a tensor is missing, of another shape, or left over without a known reason.
        """


@runtime_checkable
class WritingFormat(CheckpointFormat, Protocol):
    """A format that writes checkpoints too, for `segkit convert CHECKPOINT DEST --to NAME`. The method is optional.

    Read again, what it wrote gives the same tensors, bit by bit.
    """

    def write(self, model: nn.Module, config: Any, classes: Classes, folder: Path, /) -> list[str]:
        """Writes the files of a model, built from a `segkit.Config` for these classes, into an empty folder.

        Returns notes as in `Imported`: what the files cannot express. Raises CheckpointError where the other program
        has no such model; the message begins with `config.path` and the key of the setting.
        """


CHECKPOINT_FORMATS: Registry[CheckpointFormat] = Registry(
    "checkpoint_format", "checkpoint_formats", CheckpointFormat, optional=(WritingFormat,)
)
"""The registered checkpoint formats; `CheckpointFormat` is their contract."""
