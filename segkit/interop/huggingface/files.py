"""The files of a checkpoint of Hugging Face transformers: found, read, and written all or not at all."""

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from segkit.errors import CheckpointError, cause_of

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
SAFETENSORS, PICKLE = "model.safetensors", "pytorch_model.bin"
_WEIGHT_FILES = (SAFETENSORS, f"{SAFETENSORS}.index.json", PICKLE, f"{PICKLE}.index.json")
"""Where weights may be, in the order of preference; an index names several files."""


def find_folder(source: str | Path) -> Path:
    """The folder that `source` names: itself, or the local copy of a repository of the Hugging Face hub.

    Raises CheckpointError where it is neither, or the repository cannot be fetched.
    """
    path = Path(source)
    if path.is_dir():
        return path
    if path.exists():
        raise CheckpointError(f"{source}: is a file. Name the folder that holds {CONFIG} and the weights.")
    if isinstance(source, str) and re.fullmatch(r"[\w][\w.-]*/[\w.-]+", source):
        return _fetched(source)
    raise CheckpointError(
        f"{source}: no such folder, and no name of a repository on the Hugging Face hub, such as "
        "facebook/maskformer-swin-tiny-ade."
    )


def _fetched(repository: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        patterns = [CONFIG, PREPROCESSOR, "model*.safetensors", f"{SAFETENSORS}.index.json"]
        folder = Path(snapshot_download(repository, allow_patterns=patterns))
        if not any((folder / name).is_file() for name in _WEIGHT_FILES[:2]):
            folder = Path(snapshot_download(repository, allow_patterns=[CONFIG, PREPROCESSOR, f"{PICKLE[:-4]}*.bin*"]))
        return folder
    except Exception as error:  # the hub's client raises errors of several libraries where the network fails
        cause = cause_of(error)
        raise CheckpointError(
            f"{repository}: no such folder here, and it cannot be fetched from the Hugging Face hub ({cause}). Fetch "
            "it on a machine with a network (`hf download`), and name the folder."
        ) from error


def read_json(file: Path) -> dict[str, Any]:
    """Raises CheckpointError where there is no such file or it holds no JSON object."""
    if not file.is_file():
        raise CheckpointError(
            f"{file.parent}: has no {file.name}, so it is no checkpoint of Hugging Face transformers."
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: is no readable JSON ({error}). Fetch it again.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file}: must hold a JSON object, not a {type(content).__name__}.")
    return content


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of the checkpoint, on the CPU. Raises CheckpointError where a file is missing or damaged."""
    name = next((name for name in _WEIGHT_FILES if (folder / name).is_file()), None)
    if name is None:
        raise CheckpointError(f"{folder}: has no weights: none of {', '.join(_WEIGHT_FILES)}.")
    if not name.endswith(".json"):
        return _read_file(folder / name)
    places = read_json(folder / name).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(shard, str) for shard in places.values()):
        raise CheckpointError(f"{folder / name}: has no 'weight_map' that says which file holds which tensor.")
    shards = sorted(set(places.values()))
    missing = [shard for shard in shards if Path(shard).name != shard or not (folder / shard).is_file()]
    if missing:
        raise CheckpointError(f"{folder}: {name} names files that are not there: {', '.join(missing)}. Fetch them.")
    tensors = {key: tensor for shard in shards for key, tensor in _read_file(folder / shard).items()}
    absent = [key for key in places if key not in tensors]
    if absent:
        raise CheckpointError(f"{folder}: {name} names {len(absent)} tensors that no file holds, such as {absent[0]}.")
    return tensors


def _read_file(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from error
    except Exception as error:  # a pickle can be wrong in any way; it is read without running anything
        raise _damaged(file, error) from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise CheckpointError(f"{file}: must hold tensors by name, and holds something else.")
    return tensors


def _damaged(file: Path, error: Exception) -> CheckpointError:
    cause = cause_of(error)
    return CheckpointError(f"{file}: cannot be read ({cause}). The file is damaged or was cut short; fetch it again.")
