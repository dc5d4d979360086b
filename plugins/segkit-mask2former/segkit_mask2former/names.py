"""Translates names of tensors between segkit and transformers' `Mask2FormerForUniversalSegmentation`.

Their backbones are those of their MaskFormer, under slightly other names. Their masked attention holds the matrices of
query, key and value in one tensor, ours apart; the parts of theirs are named with their number, as in `weight[0]`.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from segkit.interop.huggingface import names as mask_former

STAGES = (0, 1, 2, 3)
"""The stages of the backbone that give the feature maps; every Mask2Former has four."""
_ENCODER = mask_former.ENCODER
_PIXEL_DECODER = "model.pixel_level_module.decoder."
_IN_PIXEL_DECODER = (
    ("attention.offsets.", "self_attn.sampling_offsets."),
    ("attention.weights.", "self_attn.attention_weights."),
    ("attention.values.", "self_attn.value_proj."),
    ("attention.output.", "self_attn.output_proj."),
    ("attention_norm.", "self_attn_layer_norm."),
    ("feed_forward_norm.", "final_layer_norm."),
    ("feed_forward.0.", "fc1."),
    ("feed_forward.3.", "fc2."),
    ("map_embeddings", "level_embed"),
    ("mask_features.", "mask_projection."),
    ("laterals.0.", "adapter_1."),
    ("outputs.0.", "layer_1."),
)
_IN_LAYERS = (
    ("cross_attention_norm.", "cross_attn_layer_norm."),
    ("self_attention_norm.", "self_attn_layer_norm."),
    ("feed_forward_norm.", "final_layer_norm."),
    ("self_attention.query.", "self_attn.q_proj."),
    ("self_attention.key.", "self_attn.k_proj."),
    ("self_attention.value.", "self_attn.v_proj."),
    ("self_attention.output.", "self_attn.out_proj."),
    ("cross_attention.output.", "cross_attn.out_proj."),
    ("feed_forward.0.", "fc1."),
    ("feed_forward.3.", "fc2."),
)
_TRANSFORMER_DECODER = (
    ("layers.", "model.transformer_module.decoder.layers."),
    ("norm.", "model.transformer_module.decoder.layernorm."),
    ("query_features.", "model.transformer_module.queries_features."),
    ("query_positions.", "model.transformer_module.queries_embedder."),
    ("map_embeddings.", "model.transformer_module.level_embed."),
    ("input_projections.", "model.transformer_module.input_projections."),
    ("class_head.", "class_predictor."),
)
PARTS = ("query", "key", "value")
"""Whose matrices a projection holds, in this order."""


def their_names(ours: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns, for each tensor of ours, the names of theirs that it consists of, in order; () where they have none.

    Args:
        ours: Names in the state of a `mask_former` with this package's decoders.

    Example:
        >>> their_names(["pixel_decoder.layers.0.attention.values.bias"])
        {'pixel_decoder.layers.0.attention.values.bias': \
('model.pixel_level_module.decoder.encoder.layers.0.self_attn.value_proj.bias',)}
    """
    return {name: _theirs(name) for name in ours}


def _theirs(name: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "backbone":
        (theirs,) = mask_former.their_names([name], STAGES).values()
        return tuple(_in_encoder(one) for one in theirs)
    if part == "pixel_decoder":
        inside = "encoder." if rest.startswith("layers.") else ""
        return (f"{_PIXEL_DECODER}{inside}{_renamed(rest, _IN_PIXEL_DECODER)}",)
    return (_in_transformer_decoder(rest),)


def _in_encoder(name: str) -> str:
    name = name.replace(mask_former.SWIN, _ENCODER)
    return re.sub(r"(hidden_states_norms\.)(\d+)", lambda found: f"{found[1]}stage{int(found[2]) + 1}", name)


def _in_transformer_decoder(name: str) -> str:
    if name.startswith("mask_head."):
        _, index, kind = name.split(".")
        # A linear layer and its activation share a number there.
        return f"model.transformer_module.decoder.mask_predictor.mask_embedder.{int(index) // 2}.0.{kind}"
    place = next(their + name.removeprefix(own) for own, their in _TRANSFORMER_DECODER if name.startswith(own))
    for number, part in enumerate(PARTS):
        if f".cross_attention.{part}." in name:
            return place.replace(f"cross_attention.{part}.", "cross_attn.in_proj_") + f"[{number}]"
    return _renamed(place, _IN_LAYERS)


def _renamed(name: str, names: tuple[tuple[str, str], ...]) -> str:
    for own, their in names:
        if own in name:
            return name.replace(own, their)
    return name


def split_projections(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns their tensors with the matrices of query, key and value apart where one tensor holds them.

    Example:
        >>> list(split_projections({"layers.0.cross_attn.in_proj_bias": torch.zeros(6)}))[2]
        'layers.0.cross_attn.in_proj_bias[2]'
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in theirs.items():
        if ".in_proj_" in name:
            tensors |= {f"{name}[{number}]": part for number, part in enumerate(tensor.chunk(len(PARTS)))}
        else:
            tensors[name] = tensor
    return tensors


def stack_projections(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undoes `split_projections`.

    Example:
        >>> parts = {f"layers.0.cross_attn.in_proj_bias[{number}]": torch.zeros(2) for number in range(3)}
        >>> stack_projections(parts)["layers.0.cross_attn.in_proj_bias"].shape
        torch.Size([6])
    """
    whole: dict[str, list[Tensor]] = {}
    for name, tensor in parts.items():
        whole.setdefault(in_file(name), []).append(tensor)
    return {name: torch.cat(tensors) if len(tensors) > 1 else tensors[0] for name, tensors in whole.items()}


def in_file(name: str) -> str:
    """Returns the name of the tensor that a part belongs to; other names stay.

    Example:
        >>> in_file("cross_attn.in_proj_bias[2]")
        'cross_attn.in_proj_bias'
    """
    return name.partition("[")[0]


def unused_reason(name: str) -> str | None:
    """Returns why their tensor is not needed; None where it should have a counterpart.

    Example:
        >>> unused_reason("criterion.empty_weight")
        'follow from no_object_weight'
    """
    # transformers 5 has a last norm, which nothing uses.
    return mask_former.unused_reason(name.replace(f"{_ENCODER}swin.", mask_former.SWIN), STAGES)
