"""Compare speed and memory with transformers' EoMT on equal inputs and weights: `python benchmark.py [case ...]`.

Runs from a clone of segkit, whose `tools/` have what measures. The outputs are compared first.
"""

import sys
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from benchmarking import table
from benchmarking.case import Case, Options, Workload
from benchmarking.comparing import compare, physical_cores
from benchmarking.equality import require_as_near, require_close
from benchmarking.inputs import NUM_CLASSES, drawn_image, drawn_targets, their_targets
from benchmarking.peer import require_peer, transformers
from segkit_eomt.model import EoMT
from segkit_eomt.names import ours_from

from segkit.classes import Classes
from segkit.criterion import Criterion, WeightedLoss
from segkit.losses.binary_cross_entropy import BinaryCrossEntropy
from segkit.losses.cross_entropy import CrossEntropy
from segkit.losses.dice import Dice
from segkit.matchers.hungarian import HungarianMatcher
from segkit.ops.points import PointSampling
from segkit.runtime.precision import Precision, autocast

QUERIES, BLOCKS, POINTS = 200, 3, 12544


class Pair:
    """ViT-S of both programs with equal weights, and a batch for each."""

    def __init__(self, options: Options, batch: int, finished: bool) -> None:
        side = options.side(512)
        library = transformers()
        library.utils.logging.disable_progress_bar()
        torch.manual_seed(0)
        self.theirs = library.EomtForUniversalSegmentation(
            library.EomtConfig(
                hidden_size=384,
                num_hidden_layers=12,
                num_attention_heads=6,
                image_size=side,
                num_queries=QUERIES,
                num_blocks=BLOCKS,
                num_labels=NUM_CLASSES,
                layerscale_value=0.1,
            )
        ).eval()
        if finished:
            self.theirs.attn_mask_probs.zero_()
        self.ours = EoMT(
            NUM_CLASSES,
            name="vit_small_patch14_reg4_dinov2",
            image_size=side,
            patch_size=16,
            num_queries=QUERIES,
            num_blocks=BLOCKS,
        ).eval()
        self.ours.load_state_dict(ours_from(self.theirs.state_dict(), self.ours.state_dict(), rotary=False))
        self.images = torch.stack([drawn_image((side, side), seed) for seed in range(batch)])
        self.values = self.ours.normalization(self.images)
        self.targets = drawn_targets(batch, (side, side), 12, options.device)
        self.device, self.side = options.device, side

    @torch.no_grad()
    def our_logits(self, precision: Precision) -> tuple[Tensor, Tensor]:
        with autocast(self.device, precision):
            prediction = self.ours(self.images)
            return prediction.class_logits, prediction.mask_logits

    @torch.no_grad()
    def their_logits(self, precision: Precision) -> tuple[Tensor, Tensor]:
        with autocast(self.device, precision):
            answer = self.theirs(self.values)
            return answer.class_queries_logits, answer.masks_queries_logits

    def check(self, precision: Precision) -> None:
        """Raises UnequalOutputs unless logits are equal without masked attention, whose masks are discontinuous."""
        kept = self.theirs.attn_mask_probs.clone()
        self.theirs.attn_mask_probs.zero_()
        self.ours.annealing.probabilities.zero_()
        self.ours.eval()
        self.theirs.eval()
        exact = self.their_logits("fp32")
        for own, expected in zip(self.our_logits("fp32"), exact, strict=True):
            require_close("logits", own, expected)
        if precision != "fp32":
            both = self.our_logits(precision), self.their_logits(precision)
            for own, other, expected in zip(*both, exact, strict=True):
                require_as_near("logits", own, other, expected)
        self.theirs.attn_mask_probs.copy_(kept)
        self.ours.annealing.probabilities.copy_(kept)


def forward(options: Options, precision: Precision, finished: bool) -> Workload:
    """Prepares one image to its logits."""
    pair = Pair(options, 1, finished)
    masked = "without" if finished else "with"
    work = f"forward, ViT-S, 1 x {pair.side}x{pair.side}, {masked} masked attention, {precision} to fp32"
    ours, theirs = partial(pair.our_logits, precision), partial(pair.their_logits, "fp32")
    return Workload(work, ours, theirs, lambda: pair.check(precision), images=1)


def training(options: Options, precision: Precision) -> Workload:
    """Prepares a step: forward pass, matching and losses of all layers, backward pass, AdamW."""
    pair = Pair(options, 2, False)
    classes = Classes.make([str(index) for index in range(NUM_CLASSES)])
    losses = [
        WeightedLoss("cross_entropy", CrossEntropy(classes, no_object_weight=0.1), 2.0),
        WeightedLoss("binary_cross_entropy", BinaryCrossEntropy(), 5.0),
        WeightedLoss("dice", Dice(), 5.0),
    ]
    matcher = HungarianMatcher(
        class_cost=2.0, mask_cost=5.0, dice_cost=5.0, mask_loss="binary_cross_entropy", num_points=POINTS
    )
    criterion = Criterion(losses, matcher, True, False, PointSampling(POINTS))
    labels = their_targets(pair.targets)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True) for model in (pair.ours, pair.theirs)]

    def our_step() -> None:
        optimizers[0].zero_grad()
        with autocast(pair.device, precision):
            total = criterion(pair.ours.train()(pair.images), pair.targets).total
        total.backward()
        optimizers[0].step()

    def their_step() -> None:
        optimizers[1].zero_grad()
        pair.theirs.train()(pair.values, **labels).loss.backward()
        optimizers[1].step()

    work = f"training step, ViT-S, 2 x {pair.side}x{pair.side}, 12 masks each, {precision} to fp32"
    return Workload(work, our_step, their_step, lambda: pair.check(precision), images=2)


CASES = [
    Case("forward", partial(forward, precision="fp32", finished=True), 0.8, 0.6),
    Case("forward_bf16", partial(forward, precision="bf16", finished=True), 0.5, 0.6),
    Case("forward_masked", partial(forward, precision="fp32", finished=False), 0.8, 0.6),
    Case("forward_masked_bf16", partial(forward, precision="bf16", finished=False), 0.5, 0.6),
    Case("training", partial(training, precision="fp32"), 0.8, 0.6),
    Case("training_bf16", partial(training, precision="bf16"), 0.5, 0.6),
]


def main(names: list[str]) -> None:
    """Prints the table of the chosen cases, or of all."""
    options = Options(torch.device("cpu"))
    cases = [case for case in CASES if not names or case.name in names]
    outcomes = [compare(case, options, physical_cores(), repeats=5) for case in cases]
    print(table.comparison(outcomes, f"transformers {require_peer('transformers')}"))


if __name__ == "__main__":
    main(sys.argv[1:])
