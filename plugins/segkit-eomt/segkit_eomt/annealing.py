"""Mask annealing: masked attention fades out over the training, block by block (Kerssies et al. 2025, sec. 3.3)."""

from typing import Literal

import torch
from torch import Tensor, nn

FIRST_BEGIN, LAST_BEGIN, LENGTH = 1 / 6, 2 / 3, 1 / 6
"""When masked attention begins to fade in the first and in the last block, and how long it fades, as fractions of the
training. These are the schedules of the original's configs for three and for four blocks."""
POWER = 0.9
"""Exponent of the polynomial."""

Masking = Literal["always", "sometimes", "never"]
"""For which queries a block masks its attention: all, those that are drawn, or none."""


def probability(block: int, num_blocks: int, done: float) -> float:
    """Returns the probability with which a query's attention is masked.

    Args:
        block: Of the blocks with queries, counted from 0.
        num_blocks: How many blocks have queries.
        done: The fraction of the training that is done, in [0, 1].

    Example:
        >>> [round(probability(0, 4, done), 2) for done in (0.0, 1 / 6, 0.25, 1 / 3, 1.0)]
        [1.0, 1.0, 0.54, 0.0, 0.0]
        >>> probability(3, 4, done=0.6)
        1.0
    """
    begin = FIRST_BEGIN + (LAST_BEGIN - FIRST_BEGIN) * block / max(1, num_blocks - 1)
    faded = min(1.0, max(0.0, (done - begin) / LENGTH))
    return float((1 - faded) ** POWER)


class MaskAnnealing(nn.Module):
    """The probability of masked attention in each block that has queries.

    The probabilities are a buffer, so that checkpoints have them: a model at the end of its training masks nothing.

    Args:
        num_blocks: How many blocks have queries.

    Example:
        >>> annealing = MaskAnnealing(num_blocks=3)
        >>> annealing.on_step(step=50, steps=100)
        >>> annealing.masking()
        ['never', 'sometimes', 'always']
    """

    probabilities: Tensor

    def __init__(self, num_blocks: int) -> None:
        super().__init__()
        self.register_buffer("probabilities", torch.ones(num_blocks))
        self._of_step: list[float] | None = None
        self._in_evaluation: list[Masking] = []

    def on_step(self, step: int, steps: int) -> None:
        """Sets the probabilities of `step`, counted from 0, of a training of `steps`."""
        num_blocks = len(self.probabilities)
        self._of_step = [probability(block, num_blocks, step / steps) for block in range(num_blocks)]
        self.probabilities.copy_(torch.tensor(self._of_step))

    def masking(self) -> list[Masking]:
        """Returns how each block masks its attention.

        In evaluation nothing is drawn: a block masks all queries while it masks more than half of them in training.
        """
        if not self.training:
            # Values cannot be read while a model is traced: those of the prediction before hold.
            if not torch.compiler.is_exporting():
                self._in_evaluation = ["always" if value > 0.5 else "never" for value in self.probabilities.tolist()]
            return self._in_evaluation
        # A step of training knows them without asking the GPU, which would wait for it.
        values = self.probabilities.tolist() if self._of_step is None else self._of_step
        return ["always" if value >= 1 else "sometimes" if value > 0 else "never" for value in values]

    def draw(self, block: int, batch: int, num_queries: int) -> Tensor:
        """Draws which queries of a block are masked: (B,Q) bool."""
        chance = self.probabilities[block]
        return torch.rand(batch, num_queries, device=chance.device) <= chance
