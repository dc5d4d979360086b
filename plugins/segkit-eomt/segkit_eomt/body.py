"""The body of EoMT: a plain vision transformer of timm, run block by block."""

from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers.patch_embed import PatchEmbed
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from segkit.errors import ConfigError, SegkitError, cause_of, counted, suggest
from segkit.layers.rotary_positions import make_positions_traceable
from segkit.ops.cpu.attention import fused_attention_is_slow
from segkit.types import Size

_TAKEN = {
    "in_chans": "images have as many channels as pixel_mean has numbers",
    "dynamic_img_size": "images of any size are taken already",
}
"""Options of timm that the model sets itself, and why."""


class PlainBody(nn.Module):
    """A plain vision transformer that takes images of any multiple of its patch size, and further tokens on the way.

    Its tokens are, in this order: the queries that were added, the class and register tokens, the patches.

    Args:
        name: Name of a timm model.
        pretrained: Load timm's published weights.
        weights: Load this file instead.
        image_size: Side of the images that the learned positions are stored for; None = that of the weights.
        patch_size: Side of a patch in pixels; None = that of the weights.
        options: Further arguments of the timm model.
        channels: Of the images. Published weights of another number are adapted by timm.
        gradient_checkpointing: In training, compute the inside of each block again in the backward pass.

    Raises:
        ConfigError: timm has no such model, or it is no plain vision transformer.
        SegkitError: weights cannot be loaded.
    """

    def __init__(
        self,
        name: str,
        pretrained: bool,
        weights: str | None,
        image_size: int | None,
        patch_size: int | None,
        options: dict[str, Any],
        channels: int = 3,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.gradient_checkpointing = gradient_checkpointing
        sizes = {"img_size": image_size, "patch_size": patch_size}
        chosen = {key: value for key, value in sizes.items() if value is not None}
        _require_free(options)
        if channels != 3:
            chosen["in_chans"] = channels
        self.transformer = _create(name, pretrained, weights, {**options, **chosen})
        make_positions_traceable(self.transformer)
        if image_size is not None and self.transformer.pos_embed is None:
            raise ConfigError(
                f"model 'eomt': image_size: '{name}' has rotary positions, which serve any size, so this has no "
                "effect. Remove it."
            )
        self.channels: int = self.transformer.embed_dim
        self.patch_size = int(self.transformer.patch_embed.patch_size[0])
        _require_positions(self.transformer, self.patch_size)
        self.num_prefix_tokens: int = self.transformer.num_prefix_tokens
        self._rotates = isinstance(self.transformer, Eva)

    @property
    def num_blocks(self) -> int:
        return len(self.transformer.blocks)

    def expect_queries(self, num_queries: int, num_blocks: int) -> None:
        """Prepares the last `num_blocks` blocks for `num_queries` more tokens, which get no rotary position."""
        for block in self.transformer.blocks[-num_blocks:]:
            if self._rotates:
                block.attn.num_prefix_tokens += num_queries

    def pixel_values(self, key: str) -> tuple[float, float, float]:
        """Returns the `mean` or `std` of red, green and blue that the published weights expect, 0..255."""
        # timm's are of values in 0..1. Rounded, so that 0.485 becomes 123.675.
        red, green, blue = (round(value * 255, 9) for value in self.transformer.pretrained_cfg[key])
        return red, green, blue

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor | None, Size]:
        """Computes the tokens before the first block.

        Args:
            images: (B,C,H,W), normalized; H and W are multiples of the patch size.

        Returns:
            The tokens (B,P+N,C), rotary positions or None, and the rows and columns of the N patches.
        """
        grid = images.shape[-2] // self.patch_size, images.shape[-1] // self.patch_size
        # timm makes tokens of images inside its whole forward pass only, so this calls the steps of that.
        placed = self.transformer._pos_embed(self.transformer.patch_embed(images))
        tokens, rotary = placed if self._rotates else (placed, None)
        return self.transformer.norm_pre(tokens), rotary, grid

    def run(self, block: int, tokens: Tensor, rotary: Tensor | None, mask: Tensor | None) -> Tensor:
        """Computes one block.

        Args:
            block: Counted from 0.
            tokens: (B,L,C).
            rotary: What `embed` returned.
            mask: (B,1,L,L) bool, True where a token (row) attends to another; None = everywhere.
        """
        module = self.transformer.blocks[block]
        module.attn.fused_attn = mask is not None or not fused_attention_is_slow(tokens, module.attn.num_heads)
        inputs = (tokens, rotary, mask) if self._rotates else (tokens, mask)
        recompute = self.gradient_checkpointing and self.training and torch.is_grad_enabled()
        result: Tensor = checkpoint(module, *inputs, use_reentrant=False) if recompute else module(*inputs)
        return result

    def norm(self, tokens: Tensor) -> Tensor:
        """Normalizes tokens (B,L,C) for the heads."""
        normed: Tensor = self.transformer.norm(tokens)
        return normed


def _require_free(options: dict[str, Any]) -> None:
    """Raises ConfigError where an option is one that the model sets itself."""
    for option, reason in _TAKEN.items():
        if option in options:
            raise ConfigError(f"model 'eomt': options: {option}: {reason}. Remove it.")


def _require_positions(transformer: Any, patch_size: int) -> None:
    """Raises ConfigError where the images that learned positions are stored for are smaller than a patch."""
    side = min(transformer.patch_embed.img_size)
    if transformer.pos_embed is not None and side < patch_size:
        raise ConfigError(
            f"model 'eomt': image_size: positions are stored for images of {counted(side, 'pixel')}, which is less "
            f"than a patch of {patch_size}. Set image_size to a multiple of {patch_size}, or a smaller patch_size."
        )


def _create(name: str, pretrained: bool, weights: str | None, arguments: dict[str, Any]) -> Any:
    base_name = name.partition(".")[0]
    if not timm.is_model(base_name):
        raise ConfigError(
            f"model 'eomt': name: timm {timm.__version__} has no model '{name}'."
            f"{suggest(base_name, _names())} timm.list_models('vit*') finds names."
        )
    if weights is not None:
        if not Path(weights).is_file():
            raise SegkitError(f"model 'eomt': weights: there is no file '{weights}'. Correct the path.")
        arguments["pretrained_cfg_overlay"] = {"file": weights}
    try:
        body = timm.create_model(
            name, pretrained=pretrained or weights is not None, num_classes=0, dynamic_img_size=True, **arguments
        )
    except (
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        AttributeError,
        LookupError,
        AssertionError,
        ArithmeticError,
    ) as error:
        if "'dynamic_img_size'" in str(error):  # timm's plain vision transformers take it
            raise _not_plain(name) from error
        raise _explain(error, name, pretrained, weights) from error
    plain = isinstance(body, VisionTransformer | Eva) and not getattr(body, "rope_mixed", False)
    # Weights that normalize after pooling, or pool by attention, have no norm for tokens. Hybrids begin with a ResNet.
    normed = plain and not isinstance(body.norm, nn.Identity) and body.attn_pool is None
    # Blocks with parallel branches have no single attention that could be masked.
    attends = plain and all(hasattr(block, "attn") for block in body.get_submodule("blocks").children())
    if not (normed and attends) or not isinstance(body.patch_embed, PatchEmbed):
        raise _not_plain(name)
    return body


def _names() -> list[str]:
    """Returns the names of the models in timm's modules of plain vision transformers."""
    return [name for module in ("vision_transformer", "eva") for name in timm.list_models(module=module)]


def _not_plain(name: str) -> ConfigError:
    return ConfigError(
        f"model 'eomt': name: '{name}' is no plain vision transformer that takes images of any size and has a norm "
        "after its last block. Choose one, such as vit_base_patch14_reg4_dinov2 or vit_base_patch16_dinov3."
    )


def _explain(error: Exception, name: str, pretrained: bool, weights: str | None) -> SegkitError:
    cause = cause_of(error)
    if weights is not None:
        return SegkitError(
            f"model 'eomt': weights: the file '{weights}' does not hold the weights of '{name}' ({cause}). Give a "
            "state dict of that model as timm saves it."
        )
    if pretrained:
        return SegkitError(
            f"model 'eomt': pretrained: the published weights of '{name}' could not be fetched ({cause}). Copy them "
            "from a machine with network access and set `weights: FILE`, or start from random weights with "
            "`pretrained: false`."
        )
    return ConfigError(f"model 'eomt': '{name}' cannot be built ({cause}).")
