"""The backbone `vit_pyramid`: a plain vision transformer as a feature pyramid."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from segkit.backbones.timm import StageNorm, pixel_values
from segkit.errors import ConfigError
from segkit.layers.depth import numbered_layers
from segkit.registries import BACKBONES
from segkit.types import Feature

STRIDE = 16
"""The stride of the transformer's map."""
STRIDES = (4, 8, 16, 32)


@BACKBONES.register("vit_pyramid")
class ViTPyramid(nn.Module):
    """Any plain vision transformer of timm, DINOv2 and DINOv3 among them, as a feature pyramid.

    The maps of strides 4, 8, 16 and 32 come from the last map alone, by deconvolutions and pooling (Li et al. 2022,
    "Exploring Plain Vision Transformer Backbones for Object Detection", section 3). Positions are interpolated for any
    size of image. Where patches are not 16 pixels wide, images are resampled so that one patch stands for 16 pixels: to
    14/16 of their size for patches of 14.

    Args:
        channels: Of the images. Published weights of another number are adapted by timm, as in the backbone `timm`.
        name: Name of a timm model with a single map, such as `vit_small_patch14_dinov2`.
        pretrained: Start from timm's published weights (downloaded once, then cached by timm).
        weights: Start from this file of weights in timm's format instead, such as a downloaded one.
        hidden_dim: Channels of all maps.
        options: Further arguments of the timm model, such as `{drop_path_rate: 0.1}`.

    Raises:
        ConfigError: timm has no such model, it is no plain transformer, or a setting does not fit it.
        SegkitError: weights cannot be loaded.

    Example:
        >>> import torch
        >>> backbone = ViTPyramid(name="vit_tiny_patch16_224", hidden_dim=64)
        >>> [tuple(feature_map.shape) for feature_map in backbone(torch.zeros(1, 3, 64, 96))]
        [(1, 64, 16, 24), (1, 64, 8, 12), (1, 64, 4, 6), (1, 64, 2, 3)]
    """

    def __init__(
        self,
        channels: int = 3,
        *,
        name: str,
        pretrained: bool = False,
        weights: str | Path | None = None,
        hidden_dim: int = 256,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        # timm takes seconds to import, so only a config that uses this part pays for it.
        from segkit.backbones._timm_models import create_feature_model
        from segkit.layers.rotary_positions import make_positions_traceable

        settings = {"dynamic_img_size": True, **(options or {}), "out_indices": (-1,)}
        try:
            body = create_feature_model(name, pretrained, weights, settings, channels)
        except ConfigError as error:
            if "dynamic_img_size" not in str(error):
                raise
            raise ConfigError(
                f"backbone 'vit_pyramid': model '{name}' is no plain transformer. Choose one, such as "
                "vit_small_patch14_dinov2, or use the backbone 'timm'."
            ) from error
        make_positions_traceable(body)
        self.body = body
        info: Any = body.feature_info
        self._patch: int = info.reduction()[-1]
        width: int = info.channels()[-1]
        self.levels = nn.ModuleList(_level(width, hidden_dim, stride) for stride in STRIDES)
        self.features = [Feature(hidden_dim, stride) for stride in STRIDES]
        if channels == 3:
            self.pixel_mean, self.pixel_std = pixel_values(body, "mean"), pixel_values(body, "std")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Extracts the feature maps of normalized images (B,C,H,W): [(B,Ci,Hi,Wi)], finest first."""
        if self._patch != STRIDE:
            size = [side // STRIDE * self._patch for side in images.shape[-2:]]
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        last: Tensor = self.body(images)[-1]  # (B, C, H/16, W/16)
        return [level(last) for level in self.levels]

    @property
    def frozen_part(self) -> nn.Module:
        """What `frozen: true` freezes: the transformer. The pyramid has no published weights, and learns."""
        return self.body

    def parameter_layers(self) -> list[list[str]]:
        """Returns the names of the parameters block by block, from the image on; the pyramid belongs to the last."""
        layers = [[f"body.{name}" for name in layer] for layer in numbered_layers(self.body)]
        layers[-1] += [f"levels.{name}" for name, _ in self.levels.named_parameters()]
        return layers


def _level(width: int, hidden_dim: int, stride: int) -> nn.Sequential:
    """Returns the layers from the transformer's map of `width` channels to the map of one stride."""
    resized: list[nn.Module] = []
    if stride == 4:
        first = nn.ConvTranspose2d(width, width // 2, 2, stride=2)
        second = nn.ConvTranspose2d(width // 2, width // 4, 2, stride=2)
        resized, width = [first, StageNorm(width // 2), nn.GELU(), second], width // 4
    elif stride == 8:
        resized, width = [nn.ConvTranspose2d(width, width // 2, 2, stride=2)], width // 2
    elif stride == 32:
        resized = [nn.MaxPool2d(2)]
    return nn.Sequential(
        *resized,
        nn.Conv2d(width, hidden_dim, 1, bias=False),
        StageNorm(hidden_dim),
        nn.Conv2d(hidden_dim, hidden_dim, 3, padding=1, bias=False),
        StageNorm(hidden_dim),
    )
