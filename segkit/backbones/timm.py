"""The backbone `timm`: a wrapper of timm's feature extraction."""

import warnings
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segkit.errors import ConfigError
from segkit.layers.depth import numbered_layers
from segkit.layers.recomputation import count_batches_once
from segkit.ops.cpu.linear import convolve_linear
from segkit.registries import BACKBONES
from segkit.registries.signature import Positive
from segkit.types import Feature

FINEST_STRIDE = 4
"""Finer maps, such as a ResNet's stem of stride 2, are dropped: mask classification models work at stride 4."""


@BACKBONES.register("timm")
class TimmBackbone(nn.Module):
    """Any timm model that yields a feature pyramid, such as ResNet, Swin or ConvNeXt.

    Maps of stride 4 and coarser are used. Images are normalized as timm's published weights of the model expect it.

    Args:
        channels: Of the images. Weights for three channels are adapted to another number by timm: the kernels of the
            first convolution are repeated, or summed for a single channel.
        name: Name of a timm model, such as `resnet50` or `swin_tiny_patch4_window7_224`.
        pretrained: Start from timm's published weights (downloaded once, then cached by timm).
        weights: Start from this file of weights in timm's format instead, such as a downloaded one.
        stage_norm: Apply a LayerNorm to every feature map, as Swin's dense prediction models do.
        freeze_batch_norm: Keep the statistics and affine parameters of batch norms fixed.
        multi_grid: Dilations of the 3x3 convolutions of a ResNet's last stage, one per block, such as [1, 2, 4]
            (Chen et al. 2017, "Rethinking Atrous Convolution", section 3.2.1); strides stay.
        gradient_checkpointing: In training, recompute activations inside each stage in the backward pass instead of
            storing them: about a third of the memory for a third more time.
        options: Further arguments of the timm model, such as `{drop_path_rate: 0.3}`.

    Raises:
        ConfigError: timm has no such model, the model has no pyramid, or a setting does not fit it.
        SegkitError: weights cannot be loaded.

    Example:
        >>> import torch
        >>> backbone = TimmBackbone(name="resnet18")
        >>> [(feature.channels, feature.stride) for feature in backbone.features]
        [(64, 4), (128, 8), (256, 16), (512, 32)]
        >>> [tuple(feature_map.shape) for feature_map in backbone(torch.zeros(1, 3, 64, 96))]
        [(1, 64, 16, 24), (1, 128, 8, 12), (1, 256, 4, 6), (1, 512, 2, 3)]
    """

    def __init__(
        self,
        channels: int = 3,
        *,
        name: str,
        pretrained: bool = False,
        weights: str | Path | None = None,
        stage_norm: bool = False,
        freeze_batch_norm: bool = False,
        multi_grid: list[Positive] | None = None,
        gradient_checkpointing: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        # timm takes seconds to import, so only a config that uses this part pays for it.
        from segkit.backbones._timm_models import create_feature_model

        body = create_feature_model("timm", name, pretrained, weights, _with_defaults(name, options or {}), channels)
        if multi_grid is not None:
            _dilate_last_stage(body, name, multi_grid)
        self.body = _adapt(body, name, gradient_checkpointing, freeze_batch_norm)
        self._channels_last = str(getattr(body, "output_fmt", "NCHW")).endswith("NHWC")
        self._chosen, self.features = _published(body, name)
        if channels == 3:
            self.pixel_mean, self.pixel_std = pixel_values(body, "mean"), pixel_values(body, "std")
        self.stage_norms = nn.ModuleList(
            StageNorm(feature.channels) if stage_norm else nn.Identity() for feature in self.features
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Extracts the feature maps of normalized images (B,C,H,W): [(B,Ci,Hi,Wi)], finest first."""
        maps: list[Tensor] = self.body(images)
        chosen = [maps[index] for index in self._chosen]
        if self._channels_last:
            chosen = [feature.permute(0, 3, 1, 2) for feature in chosen]  # (B,H,W,C) -> (B,C,H,W)
        return [norm(feature) for norm, feature in zip(self.stage_norms, chosen, strict=True)]

    def parameter_layers(self) -> list[list[str]]:
        """Returns the names of the parameters block by block, from the image on; stage norms belong to the last."""
        layers = [[f"body.{name}" for name in layer] for layer in numbered_layers(self.body)]
        layers[-1] += [f"stage_norms.{name}" for name, _ in self.stage_norms.named_parameters()]
        return layers


class StageNorm(nn.LayerNorm):
    """A layer norm over the channels of one feature map (B,C,H,W)."""

    def forward(self, feature: Tensor) -> Tensor:
        return super().forward(feature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def pixel_values(body: nn.Module, key: str) -> tuple[float, float, float]:
    """Returns the `mean` or `std` of red, green and blue that the model's published weights expect, 0..255."""
    config: Any = body.pretrained_cfg
    # timm's are of values in 0..1. Rounded, so that 0.485 becomes 123.675.
    red, green, blue = (round(value * 255, 9) for value in config[key])
    return red, green, blue


def _with_defaults(name: str, options: dict[str, Any]) -> dict[str, Any]:
    if name.startswith(("swin_", "swinv2_")):
        # By default timm's Swin accepts only the image size it was published for, and does not shift the windows of a
        # stage whose map is a single window at that size. Its padded windows serve any size.
        return {"strict_img_size": False, "always_partition": True, **options}
    return options


def _adapt(body: nn.Module, name: str, gradient_checkpointing: bool, freeze_batch_norm: bool) -> nn.Module:
    """Changes how the model computes; the names of its tensors stay."""
    if gradient_checkpointing:
        _checkpoint_gradients(body, name)
    if freeze_batch_norm:
        from timm import layers

        if not any(isinstance(module, _BatchNorm) for module in body.modules()):
            warnings.warn(
                f"backbone 'timm': freeze_batch_norm: model '{name}' has no batch norms, so this has no effect. Remove "
                "it.",
                stacklevel=4,
            )
        body = layers.freeze_batch_norm_2d(body)  # type: ignore[attr-defined, no-untyped-call]
    if name.startswith(("swin_", "swinv2_")):
        from segkit.backbones._swin import pad_before_shifting

        pad_before_shifting(body)
    convolve_linear(body)
    return body


def _dilate_last_stage(body: nn.Module, name: str, multi_grid: list[int]) -> None:
    """Raises ConfigError unless the model has a ResNet's last stage with one block per dilation."""
    stage = getattr(body, "layer4", None)
    if stage is None:
        raise ConfigError(
            f"backbone 'timm': multi_grid: model '{name}' has no stage 'layer4', which ResNets have. Leave multi_grid "
            "out, or choose a ResNet, such as resnet101."
        )
    if len(multi_grid) != len(stage) or min(multi_grid) < 1:
        raise ConfigError(
            f"backbone 'timm': multi_grid: the last stage of '{name}' takes {len(stage)} dilations of at least 1, one "
            f"per block, not {multi_grid}."
        )
    for block, dilation in zip(stage, multi_grid, strict=True):
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                # Padding equal to the dilation keeps the size of the map.
                layer.dilation = layer.padding = (dilation, dilation)


def _checkpoint_gradients(body: nn.Module, name: str) -> None:
    """Raises ConfigError where timm does not support it for this model."""
    set_grad_checkpointing: Any = body.set_grad_checkpointing
    try:
        set_grad_checkpointing(True)
    except AssertionError as error:
        raise ConfigError(
            f"backbone 'timm': gradient_checkpointing: timm does not support it for '{name}' ({error}). Leave it out."
        ) from error
    count_batches_once(body)


def _published(body: nn.Module, name: str) -> tuple[list[int], list[Feature]]:
    """The indices of the maps of stride 4 and coarser, and what they are.

    Raises ConfigError unless the strides rise.
    """
    info: Any = body.feature_info
    features = [Feature(*sizes) for sizes in zip(info.channels(), info.reduction(), strict=True)]
    chosen = [index for index, feature in enumerate(features) if feature.stride >= FINEST_STRIDE]
    strides = [features[index].stride for index in chosen]
    if strides != sorted(set(strides)):
        raise ConfigError(
            f"backbone 'timm': name: '{name}' gives maps of strides {strides}, not a pyramid. The "
            "backbone 'vit_pyramid' makes one of a plain transformer. Or choose a hierarchical model, such as "
            "resnet50, swin_tiny_patch4_window7_224 or convnext_tiny."
        )
    return chosen, [features[index] for index in chosen]
