"""Swin's shifted windows on maps of any size."""

from typing import Any

import torch
from timm.models.swin_transformer import SwinTransformerBlock
from timm.models.swin_transformer_v2 import SwinTransformerV2Block
from torch import Tensor, nn
from torch.nn.functional import pad


class _PadsFirst:
    """Pads a map to whole windows before shifting it (Liu et al. 2021, sec. 3.2).

    timm's own blocks shift before they pad. Where the map is not a multiple of the window, rows of its top then share
    windows with rows of its bottom, unmasked. The dense prediction models of the paper pad first, and their weights
    expect it.
    """

    attn: Any  # the attention of the block
    window_size: tuple[int, int]
    shift_size: tuple[int, int]
    window_area: int

    def _attn(self, tokens: Tensor) -> Tensor:
        """Attends within windows: (B,H,W,C), normalized -> (B,H,W,C)."""
        images, height, width, channels = tokens.shape
        window_height, window_width = self.window_size
        # Multiples of quotients: symbolic remainders would make tracing hundreds of times slower.
        rows, columns = (height + window_height - 1) // window_height, (width + window_width - 1) // window_width
        padded_height, padded_width = rows * window_height, columns * window_width
        padded = pad(tokens, (0, 0, 0, padded_width - width, 0, padded_height - height))
        shifts = any(self.shift_size)
        if shifts:
            padded = padded.roll([-shift for shift in self.shift_size], (1, 2))
        windows = padded.reshape(images, rows, window_height, columns, window_width, channels).transpose(2, 3)
        windows = windows.reshape(images * rows * columns, self.window_area, channels)
        attended: Tensor = self.attn(windows, self._mask(tokens, rows, columns) if shifts else None)
        attended = attended.reshape(images, rows, columns, window_height, window_width, channels).transpose(2, 3)
        attended = attended.reshape(images, padded_height, padded_width, channels)
        if shifts:
            attended = attended.roll(self.shift_size, (1, 2))
        return attended[:, :height, :width]

    def _mask(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """Returns what keeps tokens apart that met by the shift alone: (windows, tokens, tokens), 0 or -100."""
        parts = []
        for number, window, shift in zip((rows, columns), self.window_size, self.shift_size, strict=True):
            places = torch.arange(number * window, device=tokens.device)
            # Comparing, where timm assigns to slices: their borders would fix the sizes of a trace.
            before = (places >= (number - 1) * window).int() + (places >= number * window - shift).int()
            parts.append(before.view(number, window))
        part = 3 * parts[0][:, None, :, None] + parts[1][None, :, None, :]
        part = part.reshape(rows * columns, self.window_area)
        return (part[:, None] != part[:, :, None]).to(tokens.dtype) * -100.0


class PaddedBlock(_PadsFirst, SwinTransformerBlock):
    """A Swin block that pads first."""


class PaddedBlockV2(_PadsFirst, SwinTransformerV2Block):
    """A block of Swin V2 (Liu et al. 2022) that pads first."""


_PADDED: dict[type, Any] = {SwinTransformerBlock: PaddedBlock, SwinTransformerV2Block: PaddedBlockV2}


def pad_before_shifting(body: nn.Module) -> None:
    """Makes every Swin block of `body` one that pads first.

    The class is swapped in place, so that tensors and their names stay and checkpoints of timm load.
    """
    for block in body.modules():
        block.__class__ = _PADDED.get(type(block), type(block))
