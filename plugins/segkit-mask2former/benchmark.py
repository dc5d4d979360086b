"""Compare speed and memory with transformers' Mask2Former on equal inputs and weights: `python benchmark.py`.

Runs from a clone of segkit, whose `tools/` have what measures. The outputs are compared first. `--help` shows options.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from benchmarking.case import Case, Options, Workload
from benchmarking.command import compare_package
from benchmarking.equality import require_close
from benchmarking.inputs import NUM_CLASSES
from benchmarking.pair import LOGITS, ModelPair, forward_pass, training_step
from benchmarking.peer import transformers
from segkit_mask2former.reading import read_mask2former

from segkit.build import build_criterion
from segkit.runtime.precision import Precision


class Pair(ModelPair):
    """Mask2Former with R50 of both programs with equal weights."""

    def __init__(self, options: Options) -> None:
        library = transformers()
        library.utils.logging.disable_progress_bar()
        torch.manual_seed(0)
        body = library.ResNetConfig(out_features=["stage1", "stage2", "stage3", "stage4"])
        config = library.Mask2FormerConfig(backbone_config=body, num_labels=NUM_CLASSES)
        theirs = library.Mask2FormerForUniversalSegmentation(config)
        with tempfile.TemporaryDirectory() as folder:
            theirs.save_pretrained(folder)
            library.Mask2FormerImageProcessor(do_resize=False).save_pretrained(folder)
            ours = read_mask2former(folder, None)
        super().__init__(options, ours.model, theirs, build_criterion(ours.config, ours.classes))

    def check(self, precision: Precision) -> None:
        """Raises UnequalOutputs unless logits are equal in double precision.

        In float32 a pixel of an attention mask may flip, which changes the later layers by a percent.
        """
        training, images, values = self.model.training, self.images, self.values
        self.train(False)
        self.model.double()
        self.peer.double()
        self.values = self.model.normalization(images)
        both = self.our_logits("fp32"), self.their_logits("fp32")
        self.model.float()
        self.peer.float()
        self.train(training)
        self.values = values
        for what, own, expected in zip(LOGITS, *both, strict=True):
            require_close(what, own, expected)


def forward(options: Options, precision: Precision) -> Workload:
    """Prepares one image to its logits."""
    return forward_pass(Pair(options), "R50", precision)


def training(options: Options, precision: Precision) -> Workload:
    """Prepares a step."""
    return training_step(Pair(options), "R50", precision)


CASES = [
    Case("forward", partial(forward, precision="fp32"), 0.7, 0.6),
    Case("forward_bf16", partial(forward, precision="bf16"), 0.45, 0.6),
    Case("training", partial(training, precision="fp32"), 0.7, 0.6),
    Case("training_bf16", partial(training, precision="bf16"), 0.45, 0.6),
]

if __name__ == "__main__":
    sys.exit(compare_package(CASES, sys.argv[1:]))
