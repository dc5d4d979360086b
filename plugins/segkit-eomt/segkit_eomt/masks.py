"""The mask module: patch tokens to mask features of stride 4, and queries to mask embeddings."""

import math

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from segkit.types import Size


class UpscaleBlock(nn.Module):
    """Doubles the resolution of a map: transposed convolution, GELU, depthwise convolution and layer norm.

    The backward pass computes the activation and the depthwise convolution again. They take little time, and kept in
    every prediction they would be the largest maps of a training step.

    Args:
        channels: C.

    Example:
        >>> import torch
        >>> UpscaleBlock(8)(torch.zeros(1, 8, 3, 4)).shape
        torch.Size([1, 8, 6, 8])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(channels, channels, kernel_size=2, stride=2)
        self.activation = nn.GELU()
        self.smooth = nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels, bias=False)
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, features: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,C,2h,2w), both channels last in memory."""
        upsampled = self.upsample(features)
        if not torch.is_grad_enabled():
            return self._refine(upsampled)
        refined: Tensor = checkpoint(self._refine, upsampled, use_reentrant=False, preserve_rng_state=False)
        return refined

    def _refine(self, upsampled: Tensor) -> Tensor:
        """(B,C,2h,2w) -> the same."""
        smoothed = self.smooth(self.activation(upsampled))
        normed: Tensor = self.norm(smoothed.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


def num_upscale_blocks(patch_size: int) -> int:
    """Returns how many blocks bring a map of patches to about stride 4; at least one.

    Example:
        >>> num_upscale_blocks(16), num_upscale_blocks(14), num_upscale_blocks(8)
        (2, 1, 1)
    """
    return max(1, int(math.log2(patch_size)) - 2)


class MaskModule(nn.Module):
    """Mask features and mask embeddings (Kerssies et al. 2025, fig. 3).

    Args:
        channels: C, of the tokens.
        patch_size: Side of a patch in pixels.

    Example:
        >>> import torch
        >>> module = MaskModule(channels=8, patch_size=16)
        >>> embeddings, features = module(torch.zeros(1, 5, 8), torch.zeros(1, 12, 8), grid=(3, 4))
        >>> embeddings.shape, features.shape
        (torch.Size([1, 5, 8]), torch.Size([1, 8, 12, 16]))
    """

    def __init__(self, channels: int, patch_size: int) -> None:
        super().__init__()
        self.embedding = nn.Sequential(
            nn.Linear(channels, channels),
            nn.GELU(),
            nn.Linear(channels, channels),
            nn.GELU(),
            nn.Linear(channels, channels),
        )
        self.upscale = nn.Sequential(*[UpscaleBlock(channels) for _ in range(num_upscale_blocks(patch_size))])

    def forward(self, queries: Tensor, patches: Tensor, grid: Size) -> tuple[Tensor, Tensor]:
        """Computes mask embeddings (B,Q,C) and mask features (B,C,h,w).

        Args:
            queries: (B,Q,C), normalized.
            patches: (B,N,C), normalized.
            grid: Rows and columns of the N patches.
        """
        # A map of tokens is channels last already, so nothing is copied.
        features = patches.reshape(patches.shape[0], *grid, -1).permute(0, 3, 1, 2)
        return self.embedding(queries), self.upscale(features)
