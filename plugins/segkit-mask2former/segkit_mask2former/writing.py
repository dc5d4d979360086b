"""Writes a Mask2Former of segkit for transformers."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segkit.backbones.timm import TimmBackbone
from segkit.classes import Classes
from segkit.errors import CheckpointError
from segkit.interop.huggingface.backbones import backbone_json
from segkit.interop.huggingface.classes import classes_json, things_notes
from segkit.interop.huggingface.files import PREPROCESSOR, SAFETENSORS, write_json
from segkit.interop.huggingface.names import ENCODER
from segkit.interop.huggingface.point_criterion import point_criterion_json
from segkit.interop.huggingface.preprocessing import preprocessor_json
from segkit.models.mask_former import MaskFormer
from segkit.runtime.checkpoint_source import CONFIG
from segkit_mask2former.masked_attention import MaskedAttentionDecoder
from segkit_mask2former.msdeform import NUM_MAPS, MSDeform
from segkit_mask2former.names import STAGES, stack_projections, their_names
from segkit_mask2former.reading import ARCHITECTURE, GROUPS

PARTS: tuple[tuple[str, str, type], ...] = (
    ("backbone", "timm", TimmBackbone),
    ("pixel_decoder", "msdeform", MSDeform),
    ("transformer_decoder", "masked_attention", MaskedAttentionDecoder),
)
"""The parts that can be written: kind, name, class. Exactly these classes: a subclass may compute something else."""
NUM_POINTS = 4


def write_mask2former(model: nn.Module, config: Any, classes: Classes, folder: Path) -> list[str]:
    """Writes the files of `from_pretrained` of transformers' Mask2Former and its image processor.

    Args:
        model: Built from `config` for `classes`.
        config: The whole config, a `segkit.Config`.
        classes: The class list.
        folder: An empty folder.

    Returns:
        Notes on what the files cannot express.

    Raises:
        CheckpointError: transformers has no such model.
    """
    where, part = config.path, config.experiment.model
    built = _required(model, part, where)
    backbone, stages = backbone_json(built.backbone, part["backbone"], where)
    if stages != list(STAGES):
        raise _refusal(where, "backbone.options.out_indices", "their Mask2Former has the maps of the first four stages")
    weights, notes = point_criterion_json(config)
    content = {
        "architectures": [ARCHITECTURE],
        "model_type": "mask2former",
        "backbone_config": backbone,
        **_decoders(built, where),
        **weights,
        # Without it, their forward pass fails; see the notes.
        "use_auxiliary_loss": True,
        **classes_json(classes),
    }
    data = config.experiment.data
    transforms = data.val.transforms if data is not None and data.val is not None else []
    prepared = preprocessor_json(
        transforms, built.pixel_mean, built.pixel_std, classes.ids, built.size_divisor, where
    ) | {"image_processor_type": "Mask2FormerImageProcessor"}
    empty = torch.ones(len(classes) + 1)
    empty[-1] = weights["no_object_weight"]
    tensors = {**_tensors(model, backbone["model_type"], where), "criterion.empty_weight": empty}
    write_json(folder / CONFIG, content)
    write_json(folder / PREPROCESSOR, prepared)
    save_file(tensors, folder / SAFETENSORS, metadata={"format": "pt"})
    return [*notes, *things_notes(classes)]


def _required(model: nn.Module, part: dict[str, Any], where: str) -> Any:
    """Returns the model, if transformers has its parts."""
    if type(model) is not MaskFormer:
        raise _refusal(where, "type", f"their Mask2Former is a 'mask_former', not '{part['type']}'")
    for kind, name, known in PARTS:
        if type(getattr(model, kind)) is not known:
            raise _refusal(where, f"{kind}.type", f"their Mask2Former has '{name}', not '{part[kind]['type']}'")
    return model


def _decoders(model: Any, where: str) -> dict[str, Any]:
    """Returns their settings of both decoders, read from the built parts."""
    pixels, queries = model.pixel_decoder, model.transformer_decoder
    num_heads, _, num_points = pixels.layers[0].attention.shape
    layer = queries.layers[0]
    inner, dropout = pixels.map_embeddings.shape[1], pixels.layers[0].dropout.p
    for setting, value, wanted, why in (
        ("pixel_decoder.num_points", num_points, NUM_POINTS, f"their layers have {NUM_POINTS}"),
        ("pixel_decoder.hidden_dim", inner % GROUPS, 0, f"their norms have {GROUPS} groups, so it must be a multiple"),
        ("transformer_decoder.num_heads", layer.self_attention.num_heads, num_heads, "both decoders have equally many"),
        ("transformer_decoder.dropout", layer.dropout.p, dropout, "both decoders have the same"),
        (
            "transformer_decoder.num_layers",
            queries.map_embeddings.num_embeddings,
            NUM_MAPS,
            f"their decoder has {NUM_MAPS} or more",
        ),
    ):
        if value != wanted:
            raise _refusal(where, setting, why)
    return {
        "feature_size": inner,
        "mask_feature_size": pixels.mask_dim,
        "encoder_layers": len(pixels.layers),
        "encoder_feedforward_dim": pixels.layers[0].feed_forward[0].out_features,
        "hidden_dim": queries.query_features.embedding_dim,
        "num_queries": queries.query_features.num_embeddings,
        "decoder_layers": len(queries.layers) + 1,  # theirs counts the prediction before the first layer
        "dim_feedforward": layer.feed_forward[0].out_features,
        "num_attention_heads": num_heads,
        "dropout": dropout,
        "activation_function": "relu",
        "pre_norm": False,
        "enforce_input_projection": False,
        "common_stride": 4,
        "feature_strides": [4, 8, 16, 32],
    }


def _tensors(model: nn.Module, backbone: str, where: str) -> dict[str, Tensor]:
    """Returns all tensors that their model has, but that of the criterion."""
    own = model.state_dict()
    parts: dict[str, Tensor] = {}
    for name, theirs in their_names(own).items():
        if not theirs:
            raise CheckpointError(f"{where}: cannot be written for transformers: '{name}' has no place there.")
        chunks = own[name].chunk(len(theirs)) if len(theirs) > 1 else (own[name],)
        # Copies: chunks share memory, which safetensors refuses to write.
        parts |= {there: chunk.contiguous().clone() for there, chunk in zip(theirs, chunks, strict=True)}
    tensors = stack_projections(parts)
    if backbone == "swin":  # a norm that nothing uses
        width = tensors[f"{ENCODER}hidden_states_norms.stage{len(STAGES)}.weight"].shape
        unused = {"weight": torch.ones(width), "bias": torch.zeros(width)}
        return tensors | {f"{ENCODER}swin.layernorm.{kind}": tensor for kind, tensor in unused.items()}
    means = [name for name in tensors if name.endswith(".running_mean")]  # frozen batch norms have no counter
    return {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in means} | tensors


def _refusal(where: str, setting: str, why: str) -> CheckpointError:
    return CheckpointError(f"{where}: model.{setting}: cannot be written for transformers: {why}.")
