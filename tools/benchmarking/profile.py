"""Measures where the time of a training step goes, in both programs."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from benchmarking.case import Options
from benchmarking.measuring import WARM_UPS, synchronize
from benchmarking.models import Backbone, TrainingPair
from benchmarking.table import NOTHING, duration, markdown
from segkit.runtime.precision import Precision

PROFILES: dict[str, tuple[Backbone, Precision]] = {
    "training_r50": ("r50", "fp32"),
    "training_r50_bf16": ("r50", "bf16"),
    "training_swin_t": ("swin_t", "fp32"),
    "training_swin_t_bf16": ("swin_t", "bf16"),
}
"""Name of the case -> backbone and precision."""
PHASES = ("backbone", "pixel decoder", "transformer decoder", "matching", "losses", "other", "backward", "optimizer")
"""`losses` includes gradients that are computed with the losses; `other` is outside of all parts."""


class Stopwatch:
    """Adds up the time of phases. Nested phases count for the innermost one."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self._phases = ["other"]
        self._since = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        synchronize(self.device)
        self._since = time.perf_counter()
        yield
        self._book()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._enter(name)
        yield
        self._leave()

    def watch(self, name: str, module: nn.Module) -> None:
        module.register_forward_pre_hook(lambda *_: self._enter(name))
        module.register_forward_hook(lambda *_: self._leave())

    def watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with self.phase(name):
                return function(*arguments)

        return call

    def _enter(self, name: str) -> None:
        self._book()
        self._phases.append(name)

    def _leave(self) -> None:
        self._book()
        self._phases.pop()

    def _book(self) -> None:
        synchronize(self.device)
        now = time.perf_counter()
        self.seconds[self._phases[-1]] += now - self._since
        self._since = now


def profile_training(
    options: Options, backbone: Backbone, precision: Precision, repeats: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the mean seconds per step by phase, of segkit and of the peer, both in `precision`."""
    pair = TrainingPair(options, backbone)
    watches = _our_watch(pair), _their_watch(pair)
    sides = ((pair.our_loss, pair.our_optimizer), (pair.their_loss, pair.their_optimizer))
    for turn in range(WARM_UPS + repeats):
        for watch, (loss, optimizer) in zip(watches, sides, strict=True):
            if turn == WARM_UPS:
                watch.seconds.clear()
            _step(watch, loss, precision, optimizer)
    ours, theirs = ({phase: watch.seconds[phase] / repeats for phase in PHASES} for watch in watches)
    return ours, theirs


def _step(
    watch: Stopwatch, loss: Callable[[Precision], Tensor], precision: Precision, optimizer: torch.optim.Optimizer
) -> None:
    with watch.running():
        optimizer.zero_grad()
        total = loss(precision)
        with watch.phase("backward"):
            total.backward()  # type: ignore[no-untyped-call]
        with watch.phase("optimizer"):
            optimizer.step()


def _our_watch(pair: TrainingPair) -> Stopwatch:
    watch = Stopwatch(pair.device)
    for name in ("backbone", "pixel_decoder", "transformer_decoder"):
        watch.watch(name.replace("_", " "), pair.model.get_submodule(name))
    watch.watch("losses", pair.criterion)
    matcher: Any = pair.criterion.matcher
    pair.criterion.matcher = watch.watched("matching", matcher)
    return watch


def _their_watch(pair: TrainingPair) -> Stopwatch:
    watch, peer = Stopwatch(pair.device), pair.peer
    watch.watch("backbone", peer.model.pixel_level_module.encoder)
    watch.watch("pixel decoder", peer.model.pixel_level_module.decoder)
    for module in (peer.model.transformer_module, peer.class_predictor, peer.mask_embedder):
        watch.watch("transformer decoder", module)
    watch.watch("losses", peer.criterion)
    watch.watch("matching", peer.criterion.matcher)
    return watch


def profile_table(ours: dict[str, float], theirs: dict[str, float], peer: str) -> str:
    """Returns a table of seconds, and fractions of the step."""
    rows = [[phase, *_cells(ours, phase), *_cells(theirs, phase)] for phase in PHASES]
    totals = [cell for side in (ours, theirs) for cell in (duration(sum(side.values())), "100%")]
    return markdown(["phase", "segkit", "fraction", peer, "fraction"], [*rows, ["whole step", *totals]])


def _cells(side: dict[str, float], phase: str) -> Sequence[str]:
    total = sum(side.values())
    return duration(side[phase]), f"{side[phase] / total:.0%}" if total else NOTHING
