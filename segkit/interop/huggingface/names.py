"""Translates names of tensors between segkit and transformers.

Their attention keeps the matrices of query, key and value apart; segkit stacks them in one. All other tensors
correspond one to one. So the translation is: which of their tensors, in order, make one of segkit's. In the tables
`{a,b}` stands for several of theirs.
"""

import re
from collections.abc import Iterable, Sequence

from segkit.interop.renaming import Rule, rename

ENCODER = "model.pixel_level_module.encoder."
SWIN = "model.pixel_level_module.encoder.model."
_PYRAMID = "model.pixel_level_module.decoder."
_TRANSFORMER = "model.transformer_module."
_OUR_BLOCK, _THEIR_BLOCK = "backbone.body.layers_<n>.blocks.<b>", f"{SWIN}encoder.layers.<n>.blocks.<b>"
_OUR_LAYER, _THEIR_LAYER = "transformer_decoder.layers.<n>", f"{_TRANSFORMER}decoder.layers.<n>"
_OUR_RESIDUAL, _THEIR_RESIDUAL = "backbone.body.layer<n>.<b>", f"{ENCODER}encoder.stages.<n-1>.layers.<b>"

_RULES: tuple[Rule, ...] = (
    ("backbone.body.patch_embed.proj.*", f"{SWIN}embeddings.patch_embeddings.projection.*"),
    ("backbone.body.patch_embed.norm.*", f"{SWIN}embeddings.norm.*"),
    # They merge neighboring tokens at the end of a stage, timm at the start of the next one.
    ("backbone.body.layers_<n>.downsample.*", f"{SWIN}encoder.layers.<n-1>.downsample.*"),
    (f"{_OUR_BLOCK}.norm1.*", f"{_THEIR_BLOCK}.layernorm_before.*"),
    (f"{_OUR_BLOCK}.attn.qkv.*", f"{_THEIR_BLOCK}.attention.self.{{query,key,value}}.*"),
    (f"{_OUR_BLOCK}.attn.proj.*", f"{_THEIR_BLOCK}.attention.output.dense.*"),
    (f"{_OUR_BLOCK}.attn.*", f"{_THEIR_BLOCK}.attention.self.*"),  # the position bias; qkv and proj matched above
    (f"{_OUR_BLOCK}.norm2.*", f"{_THEIR_BLOCK}.layernorm_after.*"),
    (f"{_OUR_BLOCK}.mlp.fc1.*", f"{_THEIR_BLOCK}.intermediate.dense.*"),
    (f"{_OUR_BLOCK}.mlp.fc2.*", f"{_THEIR_BLOCK}.output.dense.*"),
    # ResNet: theirs counts stages, convolutions and norms from 0, timm from 1.
    ("backbone.body.conv1.*", f"{ENCODER}embedder.embedder.convolution.*"),
    ("backbone.body.bn1.*", f"{ENCODER}embedder.embedder.normalization.*"),
    (f"{_OUR_RESIDUAL}.conv<c>.*", f"{_THEIR_RESIDUAL}.layer.<c-1>.convolution.*"),
    (f"{_OUR_RESIDUAL}.bn<c>.*", f"{_THEIR_RESIDUAL}.layer.<c-1>.normalization.*"),
    (f"{_OUR_RESIDUAL}.downsample.0.*", f"{_THEIR_RESIDUAL}.shortcut.convolution.*"),
    (f"{_OUR_RESIDUAL}.downsample.1.*", f"{_THEIR_RESIDUAL}.shortcut.normalization.*"),
    ("pixel_decoder.mask_features.*", f"{_PYRAMID}mask_projection.*"),
    ("transformer_decoder.input_projection.*", f"{_TRANSFORMER}input_projection.*"),
    ("transformer_decoder.query_positions.*", f"{_TRANSFORMER}queries_embedder.*"),
    (f"{_OUR_LAYER}.self_attention.attention.in_proj_*", f"{_THEIR_LAYER}.self_attn.{{q,k,v}}_proj.*"),
    (f"{_OUR_LAYER}.self_attention.attention.*", f"{_THEIR_LAYER}.self_attn.*"),  # out_proj; q, k, v matched above
    (f"{_OUR_LAYER}.self_attention_norm.*", f"{_THEIR_LAYER}.self_attn_layer_norm.*"),
    (f"{_OUR_LAYER}.cross_attention.attention.in_proj_*", f"{_THEIR_LAYER}.encoder_attn.{{q,k,v}}_proj.*"),
    (f"{_OUR_LAYER}.cross_attention.attention.*", f"{_THEIR_LAYER}.encoder_attn.*"),
    (f"{_OUR_LAYER}.cross_attention_norm.*", f"{_THEIR_LAYER}.encoder_attn_layer_norm.*"),
    (f"{_OUR_LAYER}.feed_forward.0.*", f"{_THEIR_LAYER}.fc1.*"),
    (f"{_OUR_LAYER}.feed_forward.3.*", f"{_THEIR_LAYER}.fc2.*"),
    (f"{_OUR_LAYER}.feed_forward_norm.*", f"{_THEIR_LAYER}.final_layer_norm.*"),
    ("transformer_decoder.norm.*", f"{_TRANSFORMER}decoder.layernorm.*"),
    ("transformer_decoder.class_head.*", "class_predictor.*"),
    ("transformer_decoder.mask_head.0.*", "mask_embedder.0.0.*"),
    ("transformer_decoder.mask_head.2.*", "mask_embedder.1.0.*"),  # ours counts the ReLUs between the linear layers
    ("transformer_decoder.mask_head.4.*", "mask_embedder.2.0.*"),
)


def _rules_of_levels(stages: Sequence[int]) -> Iterable[Rule]:
    """Their pyramid counts its levels from the coarsest, segkit's from the finest."""
    coarsest = len(stages) - 1
    for level, stage in enumerate(stages):
        yield f"backbone.stage_norms.{level}.*", f"{ENCODER}hidden_states_norms.{stage}.*"
        yield f"pixel_decoder.laterals.{level}.*", f"{_PYRAMID}fpn.layers.{coarsest - 1 - level}.proj.*"
        output = "fpn.stem.*" if level == coarsest else f"fpn.layers.{coarsest - 1 - level}.block.*"
        yield f"pixel_decoder.outputs.{level}.*", f"{_PYRAMID}{output}"


def their_names(ours: Iterable[str], stages: Sequence[int]) -> dict[str, tuple[str, ...]]:
    """Returns, for each tensor of segkit, the names of their tensors that it stacks; () where they have none.

    Args:
        ours: Names in segkit.
        stages: The stages of the backbone, from 0, that give the feature maps, finest first.
    """
    renamed = rename(ours, (*_RULES, *_rules_of_levels(stages)))
    return {name: () if theirs == name else _each(theirs) for name, theirs in renamed.items()}


def _each(name: str) -> tuple[str, ...]:
    start, brace, rest = name.partition("{")
    if not brace:
        return (name,)
    parts, _, end = rest.partition("}")
    return tuple(f"{start}{part}{end}" for part in parts.split(","))


def as_published(name: str) -> str:
    """Returns the name of their tensor in files; transformers 5 names some of them differently in memory."""
    name = re.sub(r"(decoder\.layers\.\d+)\.mlp\.(fc[12])\.", r"\1.\2.", name)
    return re.sub(r"(decoder\.layers\.\d+\.(?:self|encoder)_attn)\.o_proj\.", r"\1.out_proj.", name)


def unused_reason(name: str, stages: Sequence[int]) -> str | None:
    """Returns why segkit does not need their tensor `name`; None where it should have a counterpart.

    `stages`: as for `their_names`.
    """
    if name.endswith(".relative_position_index"):
        return "follow from the window size"
    if name == "criterion.empty_weight":
        return "follow from no_object_weight"
    if name.startswith(f"{SWIN}layernorm."):
        return "normalize an output that the model does not use"
    stage = re.match(re.escape(ENCODER) + r"(?:model\.)?encoder\.(?:layers|stages)\.(\d+)\.(downsample)?", name)
    norm = re.match(re.escape(ENCODER) + r"hidden_states_norms\.(\d+)\.", name)
    last = max(stages)
    # Behind the last used stage nothing is needed, and of that stage not what leads to the next one.
    beyond = stage is not None and (int(stage[1]) > last or (int(stage[1]) == last and stage[2] is not None))
    if beyond or (norm is not None and int(norm[1]) not in stages):
        return "belong to stages of the backbone whose maps the model does not use"
    return None
