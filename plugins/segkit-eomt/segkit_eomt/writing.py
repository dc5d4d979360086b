"""Writes an EoMT of segkit for transformers."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segkit.classes import Classes
from segkit.errors import CheckpointError
from segkit.interop.huggingface.classes import classes_json, things_notes
from segkit.interop.huggingface.files import PREPROCESSOR, SAFETENSORS, write_json
from segkit.interop.huggingface.point_criterion import point_criterion_json
from segkit.interop.huggingface.preprocessing import preprocessor_json
from segkit.runtime.checkpoint_source import CONFIG
from segkit_eomt.model import EoMT
from segkit_eomt.names import their_names
from segkit_eomt.reading import DEFAULT_SIDE, POSITIONS


def write_eomt(model: nn.Module, config: Any, classes: Classes, folder: Path) -> list[str]:
    """Writes the files of `from_pretrained` of transformers' EoMT and its image processor.

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
    where = config.path
    if type(model) is not EoMT:
        raise CheckpointError(f"{where}: model.type: cannot be written as EoMT of transformers: only 'eomt' can.")
    vision: Any = model.body.transformer
    rotary = vision.pos_embed is None
    weights, notes = point_criterion_json(config)
    tensors = _tensors(model, rotary, where)
    empty = torch.ones(len(classes) + 1)
    empty[-1] = weights["no_object_weight"]
    save_file({**tensors, "criterion.empty_weight": empty}, folder / SAFETENSORS, metadata={"format": "pt"})
    transforms = config.experiment.data.val.transforms if config.experiment.data and config.experiment.data.val else []
    side, side_notes = _side(model, transforms)
    content = {**_config(model, rotary, side), **weights, **classes_json(classes)}
    write_json(folder / CONFIG, content)
    write_json(folder / PREPROCESSOR, _preprocessor(model, side, classes, where))
    return [*notes, *side_notes, *things_notes(classes)]


def _tensors(model: EoMT, rotary: bool, where: str) -> dict[str, Tensor]:
    """Returns the tensors under their names, contiguous."""
    tensors: dict[str, Tensor] = {}
    embedded = not rotary and not model.body.transformer.no_embed_class
    for name, tensor in model.state_dict().items():
        theirs = their_names(name, rotary)
        if not theirs or embedded:
            what = "positions of the class token" if embedded else name
            raise CheckpointError(
                f"{where}: model.name: cannot be written for transformers: their EoMT has no '{what}'. Choose a body "
                "such as vit_base_patch14_reg4_dinov2 or vit_base_patch16_dinov3_qkvb."
            )
        tensors |= dict(zip(theirs, tensor.chunk(len(theirs)), strict=True))
    if not rotary:
        tensors[POSITIONS] = tensors[POSITIONS][0]
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def _config(model: EoMT, rotary: bool, side: int) -> dict[str, Any]:
    vision: Any = model.body.transformer
    block = vision.blocks[0]
    width = model.body.channels
    hidden = block.mlp.fc1.out_features
    content: dict[str, Any] = {
        "architectures": ["EomtDinov3ForUniversalSegmentation" if rotary else "EomtForUniversalSegmentation"],
        "model_type": "eomt_dinov3" if rotary else "eomt",
        "hidden_size": width,
        "num_hidden_layers": model.body.num_blocks,
        "num_attention_heads": block.attn.num_heads,
        "layer_norm_eps": vision.norm.eps,
        "image_size": side,
        "patch_size": model.body.patch_size,
        "num_upscale_blocks": len(model.mask_module.upscale),
        "num_blocks": model.num_blocks,
        "num_queries": model.num_queries,
        "num_register_tokens": model.body.num_prefix_tokens - 1,
    }
    if not rotary:
        return {**content, "mlp_ratio": hidden // width}
    biases = block.attn.q_bias is not None
    return {
        **content,
        "intermediate_size": hidden,
        "query_bias": biases,
        "value_bias": biases,
        "pos_embed_rescale": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100.0},
    }


def _side(model: EoMT, transforms: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Returns the side of the squares that transformers fits images into, and notes."""
    resized = transforms[0] if [part["type"] for part in transforms] == ["resize_shortest_edge"] else {}
    if model.body.transformer.pos_embed is None:
        side = resized.get("max_size") or DEFAULT_SIDE
        side = max(1, side // model.body.patch_size) * model.body.patch_size
    else:
        side = model.body.transformer.patch_embed.img_size[0]
    if resized.get("sizes") == side and resized.get("max_size") == side:
        return side, []
    return side, [f"transformers fits images into {side}x{side} pixels, whatever data.val.transforms say"]


def _preprocessor(model: EoMT, side: int, classes: Classes, where: str) -> dict[str, Any]:
    fitted = [{"type": "resize_shortest_edge", "sizes": side, "max_size": side}]
    content = preprocessor_json(fitted, model.pixel_mean, model.pixel_std, classes.ids, 1, where)
    del content["size_divisor"], content["num_labels"]
    return {**content, "image_processor_type": "EomtImageProcessor", "do_pad": True, "do_split_image": False}
