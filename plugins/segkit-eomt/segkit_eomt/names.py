"""The names of EoMT's tensors in transformers, for bodies with learned (DINOv2) and with rotary positions (DINOv3)."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_HEADS = {
    "queries.weight": ["query.weight"],
    "annealing.probabilities": ["attn_mask_probs"],
    "class_head.<p>": ["class_predictor.<p>"],
    "mask_module.embedding.0.<p>": ["mask_head.fc1.<p>"],
    "mask_module.embedding.2.<p>": ["mask_head.fc2.<p>"],
    "mask_module.embedding.4.<p>": ["mask_head.fc3.<p>"],
    "mask_module.upscale.<n>.upsample.<p>": ["upscale_block.block.<n>.conv1.<p>"],
    "mask_module.upscale.<n>.smooth.<p>": ["upscale_block.block.<n>.conv2.<p>"],
    "mask_module.upscale.<n>.norm.<p>": ["upscale_block.block.<n>.layernorm2d.<p>"],
    "body.transformer.cls_token": ["embeddings.cls_token"],
    "body.transformer.reg_token": ["embeddings.register_tokens"],
    "body.transformer.norm.<p>": ["layernorm.<p>"],
    "body.transformer.blocks.<n>.norm1.<p>": ["layers.<n>.norm1.<p>"],
    "body.transformer.blocks.<n>.norm2.<p>": ["layers.<n>.norm2.<p>"],
}
_LEARNED = {
    "body.transformer.pos_embed": ["embeddings.position_embeddings.weight"],
    "body.transformer.patch_embed.proj.<p>": ["embeddings.patch_embeddings.projection.<p>"],
    "body.transformer.blocks.<n>.attn.qkv.<p>": [f"layers.<n>.attention.{one}_proj.<p>" for one in "qkv"],
    "body.transformer.blocks.<n>.attn.proj.<p>": ["layers.<n>.attention.out_proj.<p>"],
    "body.transformer.blocks.<n>.ls1.gamma": ["layers.<n>.layer_scale1.lambda1"],
    "body.transformer.blocks.<n>.ls2.gamma": ["layers.<n>.layer_scale2.lambda1"],
    "body.transformer.blocks.<n>.mlp.fc1.<p>": ["layers.<n>.mlp.fc1.<p>"],
    "body.transformer.blocks.<n>.mlp.fc2.<p>": ["layers.<n>.mlp.fc2.<p>"],
}
_ROTARY = {
    "body.transformer.patch_embed.proj.<p>": ["embeddings.patch_embeddings.<p>"],
    "body.transformer.blocks.<n>.attn.qkv.<p>": [f"layers.<n>.attention.{one}_proj.<p>" for one in "qkv"],
    "body.transformer.blocks.<n>.attn.q_bias": ["layers.<n>.attention.q_proj.bias"],
    "body.transformer.blocks.<n>.attn.v_bias": ["layers.<n>.attention.v_proj.bias"],
    "body.transformer.blocks.<n>.attn.proj.<p>": ["layers.<n>.attention.o_proj.<p>"],
    "body.transformer.blocks.<n>.gamma_1": ["layers.<n>.layer_scale1.lambda1"],
    "body.transformer.blocks.<n>.gamma_2": ["layers.<n>.layer_scale2.lambda1"],
    "body.transformer.blocks.<n>.mlp.fc1.<p>": ["layers.<n>.mlp.up_proj.<p>"],
    "body.transformer.blocks.<n>.mlp.fc1_g.<p>": ["layers.<n>.mlp.gate_proj.<p>"],
    "body.transformer.blocks.<n>.mlp.fc1_x.<p>": ["layers.<n>.mlp.up_proj.<p>"],
    "body.transformer.blocks.<n>.mlp.fc2.<p>": ["layers.<n>.mlp.down_proj.<p>"],
}


def their_names(name: str, rotary: bool) -> list[str]:
    """Returns the tensors of transformers that one of ours consists of, in order; none where transformers has no such.

    Args:
        name: In the state of our model.
        rotary: Whether the body has rotary positions.

    Example:
        >>> their_names("body.transformer.blocks.3.attn.qkv.weight", rotary=False)[0]
        'layers.3.attention.q_proj.weight'
    """
    for ours, theirs in {**_HEADS, **(_ROTARY if rotary else _LEARNED)}.items():
        pattern = re.escape(ours).replace("<n>", r"(?P<n>\d+)").replace("<p>", "(?P<p>weight|bias)")
        if match := re.fullmatch(pattern, name):
            found = match.groupdict()
            return [one.replace("<n>", found.get("n", "")).replace("<p>", found.get("p", "")) for one in theirs]
    return []


def ours_from(theirs: Mapping[str, Tensor], state: Mapping[str, Tensor], rotary: bool) -> dict[str, Tensor]:
    """Returns the tensors of our model from those of transformers.

    Args:
        theirs: By their names.
        state: Of our model; its names and shapes count.
        rotary: Whether the body has rotary positions.

    Raises:
        KeyError: one of theirs is missing.
    """
    parts = {name: [theirs[one] for one in their_names(name, rotary)] for name in state}
    return {name: torch.cat(parts[name]).reshape(tensor.shape) for name, tensor in state.items()}
