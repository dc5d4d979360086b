"""What checkpoint formats look at to recognize a checkpoint of another program: nothing of its files is run."""

from functools import cached_property
from pathlib import Path
from typing import Any

from segkit.errors import CheckpointError, cause_of
from segkit.runtime.hub import fetch, is_repository
from segkit.runtime.pickles import pickled_names
from segkit.runtime.reading import open_file, read_json

CONFIG = "config.json"
"""The file in which folders of transformers describe their model."""


class CheckpointSource:
    """A file, a folder, or the name of a repository on the Hugging Face hub, read as far as needed and only once.

    Args:
        name: The path or name that a user gave.

    Example:
        >>> source = CheckpointSource("configs")
        >>> source.path.is_dir(), dict(source.config), sorted(source.tensor_names)
        (True, {}, [])
    """

    def __init__(self, name: str | Path) -> None:
        self.name = str(name)
        self.path = Path(name)
        self.problems: list[str] = []
        """Why something could not be looked at, for the case that no format recognizes the source."""

    def __str__(self) -> str:
        return self.name

    @property
    def on_hub(self) -> bool:
        """Whether the name is that of a repository on the hub."""
        return is_repository(self.name)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The content of `config.json` of a folder or repository; empty where there is none that can be read.

        Raises CheckpointError where a repository cannot be downloaded.
        """
        folder = fetch(self.name, [CONFIG]) if self.on_hub else self.path
        try:
            content = read_json(folder / CONFIG)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            self.problems.append(f"its {CONFIG} cannot be read ({cause_of(error)})")
            return {}
        return content if isinstance(content, dict) else {}

    @cached_property
    def tensor_names(self) -> frozenset[str]:
        """The names in a pickle or a file of `torch.save`, those of its tensors among them; empty for other files.

        Of a damaged file, the names before the damage.
        """
        try:
            with open_file(self.path) as stream:
                return frozenset(pickled_names(stream))
        except OSError:
            return frozenset()

    def require_existing(self) -> None:
        """Raises CheckpointError where there is nothing under the name, and it does not name a repository."""
        if not self.path.exists() and not self.on_hub:
            raise CheckpointError(
                f"{self.name}: there is no such file or folder, and it does not name a repository on the Hugging Face "
                "hub, such as facebook/maskformer-swin-tiny-ade."
            )
