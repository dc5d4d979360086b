"""DINOv3's rotary positions for maps whose size is a symbol, as it is while a model is traced."""

import torch
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from torch import Tensor, nn


class TracedPositions(RotaryEmbeddingDinoV3):
    """timm's positions of DINOv3, computed without turning the sides of the map into Python floats.

    `float(side)` would fix the side when a model is traced. The values are the same.
    """

    periods: Tensor

    def _create_embed(self, feat_shape: list[int], no_aug: bool = False) -> Tensor:
        """Returns sine and cosine for each place of a map of `feat_shape` (H,W): (H * W, 2 * dim)."""
        augmented = self.training and self.aug_active and not no_aug
        if augmented or self.normalize_coords != "separate" or self.grid_indexing != "ij":
            return super()._create_embed(feat_shape, no_aug)
        # The middle of each patch, from -1 to 1.
        rows, columns = (
            2.0 * ((torch.arange(side, device=self.periods.device) + 0.5 + self.grid_offset) / side) - 1.0
            for side in feat_shape
        )
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).flatten(0, 1)  # (H * W, 2)
        return torch.cat(self._get_pos_embed_from_coords(places), -1)


def make_positions_traceable(body: nn.Module) -> None:
    """Makes DINOv3's positions in a model of timm TracedPositions.

    The class is swapped in place, so that tensors and their names stay.

    Example:
        >>> import timm
        >>> small = {"embed_dim": 24, "depth": 1, "num_heads": 2, "dynamic_img_size": True}
        >>> body = timm.create_model("vit_small_patch16_dinov3", **small)
        >>> make_positions_traceable(body)
        >>> type(body.rope).__name__
        'TracedPositions'
    """
    for module in body.modules():
        if type(module) is RotaryEmbeddingDinoV3:
            module.__class__ = TracedPositions
