"""Swin's shifted windows on maps of any size."""

from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn
from torch.nn.functional import pad


class PaddedBlock(SwinTransformerBlock):
    """A Swin block that pads a map to whole windows before shifting it (Liu et al. 2021, sec. 3.2).

    timm's own block shifts before it pads. Where the map is not a multiple of the window, rows of its top then share
    windows with rows of its bottom, unmasked. The dense prediction models of the paper pad first, and their weights
    expect it.
    """

    def _attn(self, tokens: Tensor) -> Tensor:
        """Attends within windows: (B,H,W,C), normalized -> (B,H,W,C)."""
        height, width = tokens.shape[1:3]
        # As multiples of quotients, since symbolic remainders make tracing hundreds of times slower.
        padded_height, padded_width = (
            (side + window - 1) // window * window
            for side, window in zip((height, width), self.window_size, strict=True)
        )
        fill = (0, 0, 0, padded_width - width, 0, padded_height - height)
        # timm pads only what is left, so on whole windows it shifts, attends and shifts back.
        attended: Tensor = super()._attn(pad(tokens, fill))  # type: ignore[no-untyped-call]
        return attended[:, :height, :width]


def pad_before_shifting(body: nn.Module) -> None:
    """Makes every Swin block of `body` a PaddedBlock.

    The class is swapped in place, so that tensors and their names stay and checkpoints of timm load.
    """
    for block in body.modules():
        if type(block) is SwinTransformerBlock:
            block.__class__ = PaddedBlock
