"""The names of transformers' tensors (`Mask2FormerForUniversalSegmentation`) and of ours, without the backbone."""

from collections.abc import Mapping

from torch import Tensor

PIXEL_DECODER = (
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
)
TRANSFORMER_DECODER = (
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
HEADS = (
    ("layers.", "model.transformer_module.decoder.layers."),
    ("norm.", "model.transformer_module.decoder.layernorm."),
    ("query_features.", "model.transformer_module.queries_features."),
    ("query_positions.", "model.transformer_module.queries_embedder."),
    ("map_embeddings.", "model.transformer_module.level_embed."),
    ("input_projections.", "model.transformer_module.input_projections."),
    ("class_head.", "class_predictor."),
)


def pixel_decoder_from(theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of our pixel decoder, whose names are those of `ours`, out of a model of transformers.

    Example:
        >>> import torch
        >>> pixel_decoder_from({"model.pixel_level_module.decoder.level_embed": torch.ones(1)}, {"map_embeddings": 0})
        {'map_embeddings': tensor([1.])}
    """
    return {name: theirs[f"model.pixel_level_module.decoder.{_in_pixel_decoder(name)}"] for name in ours}


def _in_pixel_decoder(name: str) -> str:
    kind, _, rest = name.partition(".")
    if kind == "layers":
        return f"encoder.{_renamed(name, PIXEL_DECODER)}"
    if kind in ("laterals", "outputs"):
        index, _, rest = rest.partition(".")
        # Theirs are counted from the finest map; there is one of them in every published model.
        return f"{'adapter' if kind == 'laterals' else 'layer'}_{int(index) + 1}.{rest}"
    return _renamed(name, PIXEL_DECODER)


def transformer_decoder_from(theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of our transformer decoder, whose names are those of `ours`, out of a model of transformers.

    Example:
        >>> import torch
        >>> transformer_decoder_from({"class_predictor.bias": torch.ones(1)}, {"class_head.bias": 0})
        {'class_head.bias': tensor([1.])}
    """
    return {name: _of_transformer_decoder(name, theirs) for name in ours}


def _of_transformer_decoder(name: str, theirs: Mapping[str, Tensor]) -> Tensor:
    if name.startswith("mask_head."):
        _, index, kind = name.split(".")
        # A linear layer and its activation share a number there.
        predictor = "model.transformer_module.decoder.mask_predictor.mask_embedder"
        return theirs[f"{predictor}.{int(index) // 2}.0.{kind}"]
    place = next(their + name.removeprefix(own) for own, their in HEADS if name.startswith(own))
    for number, part in enumerate(("query", "key", "value")):
        if f".cross_attention.{part}." in name:
            # Theirs holds the three projections in one tensor.
            stacked = place.replace(f"cross_attention.{part}.", "cross_attn.in_proj_")
            return theirs[stacked].chunk(3)[number]
    return theirs[_renamed(place, TRANSFORMER_DECODER)]


def _renamed(name: str, names: tuple[tuple[str, str], ...]) -> str:
    for own, their in names:
        if own in name:
            return name.replace(own, their)
    return name
