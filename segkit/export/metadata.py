"""What an exported file says of itself, as JSON within the file. It names nothing that would be run."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from segkit.classes import Classes
from segkit.errors import ExportError
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS

KEY = "segkit"
"""The name of the JSON within a file."""


@dataclass(frozen=True)
class FileInfo:
    """The metadata of an exported file."""

    task: str
    classes: Classes
    sizes: SizeRange
    precision: str = "fp32"
    score_threshold: float | None = None
    """Below it, the file has no instances. None for other tasks."""
    shown_score: float | None = None
    """The smallest score in predictions. None for other tasks."""
    transforms: list[dict[str, Any]] = field(default_factory=list)
    """How images are resized before they go into the file, as the config names it."""
    made_with: dict[str, str] = field(default_factory=dict)
    """Versions by package, and the digest of the config."""

    def to_json(self) -> str:
        """Returns the JSON."""
        content = asdict(self) | {
            "classes": self.classes.to_dict(),
            "sizes": {"lowest": list(self.sizes.lowest), "highest": list(self.sizes.highest)},
            "input": {"channels": "RGB", "values": [0, 255]},
        }
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str, name: str) -> "FileInfo":
        """Reads the JSON.

        Args:
            text: The JSON.
            name: Of the file, for the message.

        Raises:
            ExportError: It is not what `to_json` writes.

        Example:
            >>> info = FileInfo("semantic", Classes.make(["sky"]), SizeRange((33, 33), (512, 512)))
            >>> FileInfo.from_json(info.to_json(), "a.onnx") == info
            True
        """
        try:
            content = json.loads(text)
            lowest, highest = (tuple(map(int, content["sizes"][name])) for name in ("lowest", "highest"))
            (low_height, low_width), (high_height, high_width) = lowest, highest
            if content["task"] not in TASKS:
                raise ValueError(f"there is no task {content['task']!r}")
            rest = ("task", "precision", "score_threshold", "shown_score", "transforms", "made_with")
            return cls(
                classes=Classes.from_dict(content["classes"]),
                sizes=SizeRange((low_height, low_width), (high_height, high_width)),
                **{key: content[key] for key in rest},
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ExportError(f"{name}: its metadata cannot be read ({error}). Export the checkpoint again.") from error
