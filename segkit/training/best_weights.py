"""The weights of the best checkpoint, in a model that is in training."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from segkit.checkpoint import read_weights
from segkit.errors import CheckpointError
from segkit.runtime.weights import load_fitting


@contextmanager
def weights_of(folder: Path, model: nn.Module) -> Iterator[None]:
    """Gives a model the weights of a checkpoint, and its own again at the end, however the block ends.

    Args:
        folder: The checkpoint.
        model: Its parameters and buffers stay where they are, so that an optimizer goes on with them.

    Raises:
        CheckpointError: The checkpoint is missing, damaged, or of another model.
    """
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        report = load_fitting(model, read_weights(folder))
        if not report.complete:
            raise CheckpointError(f"{folder}: is not a checkpoint of this training any more ({report}).")
        yield
    finally:
        model.load_state_dict(own)
