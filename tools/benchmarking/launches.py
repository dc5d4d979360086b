"""Counts the operations that a training step launches, which is what a GPU waits for when each of them is small."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarking.case import Options
from benchmarking.models import TrainingPair
from benchmarking.plots import Line, Panel, draw
from benchmarking.table import markdown
from segkit.criterion import mask_losses
from segkit.inspection.launch_count import LaunchCount
from segkit.losses import focal
from segkit.models._base import PyramidModel
from segkit.ops import mask_costs
from segkit.runtime.precision import Precision

BATCHES = (1, 2, 4, 8, 16, 32)
REDUCTION = 8
"""The images have a side of 512 pixels divided by this, so that counting takes little time."""
FEW, MANY = 2, 16
"""The batches that the goals are about."""
GROWTH_GOAL = 1.15
"""Largest ratio of segkit's count at MANY images to that at FEW."""
PEER_GOAL = 0.5
"""Largest ratio of segkit's count to the peer's at MANY images."""


@dataclass(frozen=True)
class Launches:
    """The operations of one training step."""

    batch: int
    ours: int
    theirs: int


@contextmanager
def gpu_chunks(reduction: int) -> Iterator[None]:
    """Lets every device work in the chunks of a GPU, call its softplus, and defer no mask features.

    Args:
        reduction: The sides of the images are smaller by this. Chunks are too, so their number stays the same.
    """
    with ExitStack() as stack:
        for module in (mask_losses, mask_costs):
            chunk = module.GPU_CHUNK // reduction**2
            stack.enter_context(patch.multiple(module, CPU_CHUNK=chunk, GPU_CHUNK=chunk))
        stack.enter_context(patch.object(PyramidModel, "may_defer", lambda model, images: False))
        for module in (focal, mask_costs):
            stack.enter_context(patch.object(module, "softplus", _gpu_softplus))
        yield


def _gpu_softplus(logits: Tensor, probs: Tensor, rest: Tensor) -> Tensor:
    return functional.softplus(logits)


def count_launches(device: torch.device, batches: Sequence[int] = BATCHES) -> Iterator[Launches]:
    """Counts and yields one batch size after the other. Both programs have ResNet-50 and the same weights."""
    pair = TrainingPair(Options(device, 1 / REDUCTION), "r50", compiled=False)
    with gpu_chunks(REDUCTION):
        for batch in batches:
            pair.draw(batch)
            _count_both(pair)  # the first step of a size makes optimizer states, and transformers' position encodings
            yield Launches(batch, *_count_both(pair))


def _count_both(pair: TrainingPair) -> tuple[int, int]:
    return (
        _count(pair.our_loss, pair.model, pair.our_optimizer),
        _count(pair.their_loss, pair.peer, pair.their_optimizer),
    )


def _count(loss: Callable[[Precision], Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    count = LaunchCount()
    with count:
        loss("fp32").backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        optimizer.zero_grad()
    return count.total


def launch_table(counts: Sequence[Launches], peer: str) -> str:
    """Returns one row per batch size."""
    rows = [[str(one.batch), f"{one.ours:,}", f"{one.theirs:,}", f"{one.ours / one.theirs:.2f}"] for one in counts]
    return markdown(["images", "segkit", peer, "ratio"], rows)


def goals_in_words(counts: Sequence[Launches], peer: str) -> list[str]:
    """Returns a line for each goal: whether it is met, and by which ratio."""
    by_batch = {one.batch: one for one in counts}
    few, many = by_batch[FEW], by_batch[MANY]
    return [
        _goal(f"{MANY} images to {FEW}", many.ours / few.ours, GROWTH_GOAL),
        _goal(f"segkit to {peer} at {MANY} images", many.ours / many.theirs, PEER_GOAL),
    ]


def _goal(what: str, ratio: float, goal: float) -> str:
    return f"{what}: {ratio:.3f}, {'met' if ratio <= goal else 'missed'}: {goal:g}"


def draw_launches(file: Path, counts: Sequence[Launches], peer: str) -> None:
    """Draws both programs' counts by batch size as PNG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        Line("segkit", [(one.batch, one.ours) for one in counts]),
        Line(peer, [(one.batch, one.theirs) for one in counts]),
    ]
    draw(file, [Panel("operations of a training step", "images of the step", "operations", lines)])
