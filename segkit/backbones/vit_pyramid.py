"""The backbone `vit_pyramid`: a plain vision transformer as a feature pyramid."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segkit.backbones.timm import StageNorm, pixel_values
from segkit.errors import ConfigError, cause_of
from segkit.layers.depth import numbered_layers
from segkit.registries import BACKBONES
from segkit.registries.signature import Positive
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
        ConfigError: timm has no such model, it has no single map or takes images of one size only, or a setting does
            not fit it.
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
        hidden_dim: Positive = 256,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        # timm takes seconds to import, so only a config that uses this part pays for it.
        from segkit.layers.rotary_positions import make_positions_traceable

        body = _create(name, pretrained, weights, options or {}, channels)
        make_positions_traceable(body)
        self.body = body
        info: Any = body.feature_info
        self._patch: int = info.reduction()[-1]
        width: int = info.channels()[-1]
        _require_map_of_any_size(body, name, options or {}, channels, width, self._patch)
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


def _create(
    name: str, pretrained: bool, weights: str | Path | None, options: dict[str, Any], channels: int
) -> nn.Module:
    from segkit.backbones._timm_models import create_feature_model

    if "out_indices" in options:
        raise ConfigError(
            "backbone 'vit_pyramid': options: out_indices: the pyramid is made of the last map alone. Remove it."
        )
    settings = {**options, "out_indices": (-1,)}
    try:
        # Most of timm's transformers take images of one size unless they are told otherwise.
        any_size = {"dynamic_img_size": True, **settings}
        body = create_feature_model("vit_pyramid", name, pretrained, weights, any_size, channels)
    except ConfigError as error:
        if "dynamic_img_size" not in str(error):
            raise
        # The others have no such argument: some take any size, as Segment Anything's do.
        body = create_feature_model("vit_pyramid", name, pretrained, weights, settings, channels)
    info: Any = body.feature_info
    strides = sorted({one["reduction"] for one in info.info})
    if len(strides) > 1:
        raise ConfigError(
            f"backbone 'vit_pyramid': name: '{name}' has maps of strides {strides}, so it is no plain vision "
            "transformer. Choose one, such as vit_small_patch14_dinov2, or use the backbone 'timm', which takes "
            "pyramids of maps."
        )
    return body


@torch.no_grad()
def _require_map_of_any_size(
    body: nn.Module, name: str, options: dict[str, Any], channels: int, width: int, patch: int
) -> None:
    """Refuses a body that makes no map (1,width,2,3) of an image of 2 x 3 patches."""
    parameter = next(body.parameters())
    image = torch.zeros(1, channels, 2 * patch, 3 * patch, device=parameter.device, dtype=parameter.dtype)
    training = body.training
    try:
        found = tuple(body.eval()(image)[-1].shape)
        cause = f"it makes a map of shape {found} of one of shape {tuple(image.shape)}"
    except Exception as error:  # the forward pass of any model of timm may fail in any way
        found, cause = (), cause_of(error)
    finally:
        body.train(training)
    if found != (1, width, 2, 3):
        # Options may be at fault, such as a size of images that is less than a patch.
        given, way_out = (f" with the options {options}", ", or change the options") if options else ("", "")
        raise ConfigError(
            f"backbone 'vit_pyramid': name: '{name}'{given} does not take images of any size ({cause}). Choose "
            f"another plain vision transformer, such as vit_small_patch14_dinov2{way_out}."
        )


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
