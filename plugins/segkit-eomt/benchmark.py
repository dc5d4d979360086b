"""Compare speed and memory with transformers' EoMT on equal inputs and weights: `python benchmark.py`.

Runs from a clone of segkit, whose `tools/` have what measures. The outputs are compared first. `--help` shows options.
"""

import sys
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from benchmarking.case import Case, Options, Workload
from benchmarking.command import compare_package
from benchmarking.inputs import CLASSES, NUM_CLASSES
from benchmarking.pair import ModelPair, forward_pass, training_step
from benchmarking.peer import transformers
from segkit_eomt.model import EoMT
from segkit_eomt.names import ours_from

from segkit.criterion import Criterion, WeightedLoss
from segkit.losses.binary_cross_entropy import BinaryCrossEntropy
from segkit.losses.cross_entropy import CrossEntropy
from segkit.losses.dice import Dice
from segkit.matchers.hungarian import HungarianMatcher
from segkit.ops.points import PointSampling
from segkit.runtime.precision import Precision

QUERIES, BLOCKS, POINTS = 200, 3, 12544


class Pair(ModelPair):
    """ViT-S of both programs with equal weights."""

    def __init__(self, options: Options) -> None:
        side = options.side(512)
        library = transformers()
        library.utils.logging.disable_progress_bar()
        torch.manual_seed(0)
        theirs = library.EomtForUniversalSegmentation(
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
        )
        ours = EoMT(
            NUM_CLASSES,
            name="vit_small_patch14_reg4_dinov2",
            image_size=side,
            patch_size=16,
            num_queries=QUERIES,
            num_blocks=BLOCKS,
        )
        ours.load_state_dict(ours_from(theirs.state_dict(), ours.state_dict(), rotary=False))
        super().__init__(options, ours, theirs, criterion())

    def finish(self) -> None:
        """Ends the annealing of both models: masked attention no longer."""
        self.peer.attn_mask_probs.zero_()
        self.model.annealing.probabilities.zero_()

    def check(self, precision: Precision) -> None:
        """Raises UnequalOutputs unless logits are equal without masked attention, whose masks are discontinuous."""
        kept, training = self.peer.attn_mask_probs.clone(), self.model.training
        self.finish()
        self.train(False)
        super().check(precision)
        self.train(training)
        self.peer.attn_mask_probs.copy_(kept)
        self.model.annealing.probabilities.copy_(kept)


def criterion() -> Criterion:
    """Returns the losses and the matcher of the paper."""
    losses = [
        WeightedLoss("cross_entropy", CrossEntropy(CLASSES, no_object_weight=0.1), 2.0),
        WeightedLoss("binary_cross_entropy", BinaryCrossEntropy(), 5.0),
        WeightedLoss("dice", Dice(), 5.0),
    ]
    matcher = HungarianMatcher(
        class_cost=2.0, mask_cost=5.0, dice_cost=5.0, mask_loss="binary_cross_entropy", num_points=POINTS
    )
    return Criterion(losses, matcher, True, False, PointSampling(POINTS))


def forward(options: Options, precision: Precision, finished: bool) -> Workload:
    """Prepares one image to its logits."""
    pair = Pair(options)
    if finished:
        pair.finish()
    return forward_pass(pair, f"ViT-S, {'without' if finished else 'with'} masked attention", precision)


def training(options: Options, precision: Precision) -> Workload:
    """Prepares a step."""
    return training_step(Pair(options), "ViT-S", precision)


CASES = [
    Case("forward", partial(forward, precision="fp32", finished=True), 0.8, 0.6),
    Case("forward_bf16", partial(forward, precision="bf16", finished=True), 0.5, 0.6),
    Case("masked_forward", partial(forward, precision="fp32", finished=False), 0.8, 0.6),
    Case("masked_forward_bf16", partial(forward, precision="bf16", finished=False), 0.5, 0.6),
    Case("training", partial(training, precision="fp32"), 0.8, 0.6),
    Case("training_bf16", partial(training, precision="bf16"), 0.5, 0.6),
]

if __name__ == "__main__":
    sys.exit(compare_package(CASES, sys.argv[1:]))
