"""Any timm model that gives a feature pyramid, as a backbone."""

import logging
import re
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError, SegkitError, cause_of, suggest
from segkit.ops.cpu.linear import convolve_linear
from segkit.registries import BACKBONES
from segkit.types import Feature


class StageNorm(nn.LayerNorm):
    """Layer norm over the channels of (B,C,H,W), one of each stage's own (as Swin's dense-prediction form has)."""

    def forward(self, feature: Tensor) -> Tensor:
        return super().forward(feature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@BACKBONES.register("timm")
class TimmBackbone(nn.Module):
    """A timm model by name, its feature maps of stride 4 and coarser.

    Raises ConfigError where timm has no such model or the model gives no pyramid, SegkitError where weights cannot
    be had.
    """

    def __init__(
        self,
        *,
        name: str,
        pretrained: bool = False,
        weights: str | None = None,
        stage_norm: bool = False,
        freeze_batch_norm: bool = False,
        multi_grid: list[int] | None = None,
        gradient_checkpointing: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        """
        Args:
            name: timm's model name, such as `resnet50` or `swin_tiny_patch4_window7_224`.
            pretrained: start from timm's published weights (fetched once, then cached by timm).
            weights: start from this file of weights in timm's format instead, such as a downloaded one.
            stage_norm: a LayerNorm of its own on every feature map.
            freeze_batch_norm: batch norms keep their statistics and affine parameters.
            multi_grid: dilations of the 3x3 convolutions of a ResNet's last stage, one a block, such as [1, 2, 4]
                (Chen et al. 2017, "Rethinking Atrous Convolution", section 3.2.1); strides stay.
            gradient_checkpointing: in training, compute what lies inside a stage a second time in the backward pass
                instead of keeping it: about a third of the memory for a third more time.
            options: further arguments of the timm model, such as `{drop_path_rate: 0.3}`.
        """
        super().__init__()
        body: Any = _create(name, pretrained, weights, options or {})
        if multi_grid is not None:
            _dilate_last_stage(body, name, multi_grid)
        if gradient_checkpointing:
            _checkpoint_gradients(body, name)
        if freeze_batch_norm:
            from timm import layers

            body = layers.freeze_batch_norm_2d(body)  # type: ignore[attr-defined, no-untyped-call]
        self.body = body
        self._nhwc = str(getattr(body, "output_fmt", "NCHW")).endswith("NHWC")
        published = list(zip(body.feature_info.channels(), body.feature_info.reduction(), strict=True))
        self._chosen = [index for index, (_, stride) in enumerate(published) if stride >= 4]
        self.features = [Feature(*published[index]) for index in self._chosen]
        strides = [feature.stride for feature in self.features]
        if strides != sorted(set(strides)):
            raise ConfigError(
                f"backbone 'timm': model '{name}' gives maps of strides {strides}, not a pyramid. Choose a "
                "hierarchical model, such as resnet50, swin_tiny_patch4_window7_224 or convnext_tiny."
            )
        self.stage_norms = nn.ModuleList(
            StageNorm(feature.channels) if stage_norm else nn.Identity() for feature in self.features
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B,3,H,W) normalized float -> [(B,Ci,Hi,Wi)], finest first."""
        maps: list[Tensor] = self.body(images)
        chosen = [maps[index] for index in self._chosen]
        if self._nhwc:
            chosen = [feature.permute(0, 3, 1, 2) for feature in chosen]
        return [norm(feature) for norm, feature in zip(self.stage_norms, chosen, strict=True)]


def _create(name: str, pretrained: bool, weights: str | None, options: dict[str, Any]) -> nn.Module:
    import timm

    base_name = name.partition(".")[0]
    if not timm.is_model(base_name):
        raise ConfigError(
            f"backbone 'timm': timm {timm.__version__} has no model '{name}'.{suggest(base_name, timm.list_models())} "
            "timm.list_models('*part*') finds names."
        )
    if base_name.startswith(("swin_", "swinv2_")):
        # The model's own padded windows serve any size; without this Swin takes only the size it was published for,
        # and does not shift the windows of a stage whose map is one window at that size.
        options = {"strict_img_size": False, "always_partition": True, **options}
    if weights is not None:
        options = {**options, "pretrained_cfg_overlay": {"file": weights}}
    log = _LoadLog()
    builder = logging.getLogger("timm.models._builder")
    builder.addFilter(log)
    try:
        body: nn.Module = timm.create_model(
            name, features_only=True, pretrained=pretrained or weights is not None, **options
        )
        if weights is not None:
            _refuse_foreign(log, name)
    except (OSError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise _explain(error, name, pretrained, weights) from error
    finally:
        builder.removeFilter(log)
    if base_name.startswith("swin_"):
        from segkit.backbones._swin import pad_before_shifting

        pad_before_shifting(body)
    convolve_linear(body)
    return body


def _dilate_last_stage(body: nn.Module, name: str, multi_grid: list[int]) -> None:
    """Raises ConfigError where the model has no ResNet's last stage, or not one dilation for each of its blocks."""
    stage = getattr(body, "layer4", None)
    if stage is None:
        raise ConfigError(
            f"backbone 'timm': multi_grid: model '{name}' has no stage 'layer4' as ResNets do. Leave multi_grid out, "
            "or choose a ResNet, such as resnet101."
        )
    if len(multi_grid) != len(stage) or min(multi_grid) < 1:
        raise ConfigError(
            f"backbone 'timm': multi_grid: the last stage of '{name}' takes {len(stage)} dilations from 1 up, one a "
            f"block, not {multi_grid}."
        )
    for block, dilation in zip(stage, multi_grid, strict=True):
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                layer.dilation = layer.padding = (dilation, dilation)


def _checkpoint_gradients(body: Any, name: str) -> None:
    """Raises ConfigError where timm cannot do so with this model."""
    try:
        body.set_grad_checkpointing(True)
    except AssertionError as error:
        raise ConfigError(
            f"backbone 'timm': gradient_checkpointing: timm's '{name}' cannot do so ({error}). Leave it out."
        ) from error


class _LoadLog(logging.Filter):
    """Takes down which tensors of a file timm had no place for; timm tells this to its log alone."""

    def __init__(self) -> None:
        super().__init__()
        self.unexpected: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        told = re.match(r"Unexpected keys \((.*)\) found", record.getMessage())
        if told:
            self.unexpected += told[1].split(", ")
        return told is None


def _refuse_foreign(log: _LoadLog, name: str) -> None:
    """Raises ValueError where the file has tensors that the whole model, classifier included, does not have."""
    import timm

    if log.unexpected:
        with torch.device("meta"):
            whole = timm.create_model(name).state_dict()
        foreign = [tensor for tensor in log.unexpected if tensor not in whole]
        if foreign:
            raise ValueError(f"{len(foreign)} tensors are of another model, such as {foreign[0]}")


def _explain(error: Exception, name: str, pretrained: bool, weights: str | None) -> SegkitError:
    cause = cause_of(error)
    if weights is not None:
        return SegkitError(
            f"backbone 'timm': the file '{weights}' does not give the weights of '{name}' ({cause}). It must hold a "
            "state dict of that model as timm saves it."
        )
    if pretrained:
        return SegkitError(
            f"backbone 'timm': the published weights of '{name}' could not be fetched ({cause}). Two ways out: copy "
            "them from a machine with a network and give the file as `weights: FILE`, or start from random weights "
            "with `pretrained: false`."
        )
    return ConfigError(f"backbone 'timm': '{name}' cannot be made a feature pyramid ({cause}).")
