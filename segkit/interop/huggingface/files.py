"""Finds, reads and writes the files of a checkpoint of Hugging Face transformers."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from segkit.errors import CheckpointError, cause_of, counted, with_article
from segkit.runtime import reading
from segkit.runtime.checkpoint_source import CONFIG
from segkit.runtime.hub import fetch, is_repository
from segkit.runtime.pickles import load_torch

PREPROCESSOR = "preprocessor_config.json"
SAFETENSORS, PICKLE = "model.safetensors", "pytorch_model.bin"
_WEIGHT_FILES = (SAFETENSORS, f"{SAFETENSORS}.index.json", PICKLE, f"{PICKLE}.index.json")
"""Where weights may be, in order of preference; an index names several files."""


def find_folder(source: str | Path) -> Path:
    """Returns `source` if it is a folder, or else the local copy of a repository on the Hugging Face hub.

    Raises CheckpointError where it is neither, or the repository cannot be downloaded.
    """
    path = Path(source)
    if path.is_dir():
        return path
    if path.exists():
        raise CheckpointError(f"{source}: is a file. Give the folder that holds {CONFIG} and the weights.")
    if isinstance(source, str) and is_repository(source):
        return _fetched(source)
    raise CheckpointError(
        f"{source}: there is no such folder, and it does not name a repository on the Hugging Face hub, such as "
        "facebook/maskformer-swin-tiny-ade."
    )


def license_notes(source: str | Path) -> list[str]:
    """Returns a note on the license of the weights, where `source` names a repository.

    Example:
        >>> license_notes(Path("theirs"))
        []
    """
    if isinstance(source, str) and is_repository(source):
        return [f"published weights have a license of their own: read that of {source} before you use them"]
    return []


def _fetched(repository: str) -> Path:
    # Most repositories hold both forms. The pickle is downloaded only where there is no other.
    folder = fetch(repository, [CONFIG, PREPROCESSOR, "model*.safetensors", f"{SAFETENSORS}.index.json"])
    if any((folder / name).is_file() for name in _WEIGHT_FILES[:2]):
        return folder
    return fetch(repository, [CONFIG, PREPROCESSOR, f"{PICKLE[:-4]}*.bin*"])


def read_json(file: Path) -> dict[str, Any]:
    """Reads a JSON object. Raises CheckpointError where the file is missing or holds something else."""
    if not file.is_file():
        raise CheckpointError(
            f"{file.parent}: has no {file.name}, so it is not a checkpoint of Hugging Face transformers."
        )
    try:
        content = reading.read_json(file)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: is not readable JSON ({error}). Download it again.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file}: must hold a JSON object, not {with_article(type(content).__name__)}.")
    return content


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Writes a JSON object as transformers does, over several lines."""
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Reads all tensors of the checkpoint, on the CPU. Raises CheckpointError where a file is missing or damaged."""
    name = next((name for name in _WEIGHT_FILES if (folder / name).is_file()), None)
    if name is None:
        raise CheckpointError(f"{folder}: has no weights: none of {', '.join(_WEIGHT_FILES)}.")
    if not name.endswith(".json"):
        return _read_file(folder / name)
    places = read_json(folder / name).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(shard, str) for shard in places.values()):
        raise CheckpointError(f"{folder / name}: has no 'weight_map' from tensors to files.")
    shards = sorted(set(places.values()))
    # A name with a folder in it could lead out of the checkpoint.
    missing = [shard for shard in shards if Path(shard).name != shard or not (folder / shard).is_file()]
    if missing:
        raise CheckpointError(f"{folder}: {name} names files that are missing: {', '.join(missing)}. Download them.")
    tensors = {key: tensor for shard in shards for key, tensor in _read_file(folder / shard).items()}
    absent = [key for key in places if key not in tensors]
    if absent:
        raise CheckpointError(
            f"{folder}: {name} names {counted(absent, 'tensor')} that no file holds, such as {absent[0]}."
        )
    return tensors


def _read_file(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            reading.require_file(file)
            return load_file(file)
        with reading.open_file(file) as stream:
            tensors = load_torch(stream)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from error
    except Exception as error:  # a damaged pickle can raise anything; weights_only runs nothing from it
        raise _damaged(file, error) from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise CheckpointError(f"{file}: holds something other than tensors by name.")
    return tensors


def _damaged(file: Path, error: Exception) -> CheckpointError:
    cause = cause_of(error)
    return CheckpointError(f"{file}: cannot be read ({cause}). The file is damaged or truncated. Download it again.")
