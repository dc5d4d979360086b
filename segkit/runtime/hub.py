"""Downloads from the Hugging Face hub."""

import re
from collections.abc import Sequence
from pathlib import Path

from segkit.errors import CheckpointError, cause_of


def is_repository(name: str) -> bool:
    """Returns whether `name` has the form of a repository's name, and no file or folder has that name.

    Example:
        >>> is_repository("facebook/maskformer-swin-tiny-ade"), is_repository("configs/quickstart.yaml")
        (True, False)
    """
    return re.fullmatch(r"[\w][\w.-]*/[\w.-]+", name) is not None and not Path(name).exists()


def fetch(repository: str, patterns: Sequence[str]) -> Path:
    """Downloads the files of a repository that match one of the patterns, or finds them in the hub's cache.

    Returns:
        The local folder.

    Raises:
        CheckpointError: the repository cannot be downloaded.
    """
    from huggingface_hub import snapshot_download  # slow to import

    try:
        return Path(snapshot_download(repository, allow_patterns=list(patterns)))
    except Exception as error:  # without a network, the hub's client raises errors of several libraries
        raise CheckpointError(
            f"{repository}: there is no such folder, and it cannot be downloaded from the Hugging Face hub "
            f"({cause_of(error)}). Download it on a machine with network access (`hf download`), and give the folder."
        ) from error
