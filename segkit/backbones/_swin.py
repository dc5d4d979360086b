"""Swin's shifted windows on maps of any size."""

from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn
from torch.nn.functional import pad


class PaddedBlock(SwinTransformerBlock):
    """Fills a map up to whole windows before it is shifted, as Swin's dense-prediction form does.

    timm's own block shifts first. Where the map is no multiple of the window, rows from its top then share windows
    with rows from its bottom, unmasked.
    """

    def _attn(self, tokens: Tensor) -> Tensor:
        """(B,H,W,C), normalized -> (B,H,W,C)."""
        height, width = tokens.shape[1:3]
        fill = (0, 0, 0, -width % self.window_size[1], 0, -height % self.window_size[0])
        attended: Tensor = super()._attn(pad(tokens, fill))  # type: ignore[no-untyped-call]
        return attended[:, :height, :width]


def pad_before_shifting(body: nn.Module) -> None:
    """Makes every Swin block of `body` a PaddedBlock, its tensors and their names unchanged."""
    for block in body.modules():
        if type(block) is SwinTransformerBlock:
            block.__class__ = PaddedBlock
