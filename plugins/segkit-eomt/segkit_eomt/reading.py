"""Reads EoMT of transformers as a model, config and class list of segkit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from segkit.interop.huggingface.building import built
from segkit.interop.huggingface.classes import read_classes
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.files import PREPROCESSOR, find_folder, license_notes, read_json, read_tensors
from segkit.interop.huggingface.left_out import READ as KNOWN
from segkit.interop.huggingface.left_out import left_out
from segkit.interop.huggingface.point_criterion import read_point_criterion
from segkit.interop.huggingface.preprocessing import WITHOUT_FILE, Preprocessing, read_preprocessing
from segkit.interop.loading import load_sources
from segkit.registries import Imported
from segkit.runtime.checkpoint_source import CONFIG
from segkit_eomt.masks import num_upscale_blocks
from segkit_eomt.names import their_names

SIZES = {(384, 12, 6): "small", (768, 12, 12): "base", (1024, 24, 16): "large"}
"""(channels, blocks, heads) -> the name of the size in timm."""
DEFAULT_SIDE = 640
"""Side of the images of a body with rotary positions, where nothing says it."""
POSITIONS = "embeddings.position_embeddings.weight"
EPS = {False: 1e-6, True: 1e-5}
"""What timm's layer norms add to the variance, without and with rotary positions."""
DINOV3_LICENSE = "weights that come from DINOv3 are under its own license, the DINOv3 License, unlike segkit's code"
UNUSED = {"criterion.empty_weight": "weigh classes in the loss", "embeddings.mask_token": "belong to pretraining"}
SUPPORTED: tuple[tuple[str, object], ...] = (
    ("hidden_act", "gelu"),
    ("num_channels", 3),
    ("hidden_dropout_prob", 0.0),
    ("attention_dropout", 0.0),
    ("use_swiglu_ffn", False),
    ("use_gated_mlp", False),
    ("key_bias", False),
    ("proj_bias", True),
    ("mlp_bias", True),
)
"""Settings of which this package has one value alone, which is their default too."""
READ = frozenset(
    (
        *(key for key, _ in SUPPORTED),
        *("class_weight", "dice_weight", "importance_sample_ratio", "mask_weight", "no_object_weight"),
        *("oversample_ratio", "train_num_points", "num_attention_heads", "num_blocks", "num_hidden_layers"),
        *("num_queries", "num_register_tokens", "num_upscale_blocks", "intermediate_size", "mlp_ratio", "patch_size"),
        *("query_bias", "value_bias", "rope_parameters", "layer_norm_eps", "drop_path_rate", "pos_embed_rescale"),
        *("layerscale_value",),  # of new weights alone
    )
)
"""The settings of `config.json` that are read, or that change nothing."""
READ_PREPROCESSOR = frozenset(KNOWN["preprocessor"]) | {"do_pad", "do_split_image"}
"""Those of `preprocessor_config.json`."""


def read_eomt(source: str, things: Sequence[str] | None) -> Imported:
    """Reads the EoMT in a folder or repository.

    Args:
        source: A folder written by `save_pretrained`, or the name of a repository on the Hugging Face hub.
        things: Names of the classes that are things; all others are stuff. None: a known label set decides.

    Raises:
        CheckpointError: files are missing or damaged, a setting is not supported, or tensors are missing, left over or
            of another shape than the config says.
    """
    folder = find_folder(source)
    fields = Fields(read_json(folder / CONFIG), folder / CONFIG)
    rotary = fields.data.get("model_type") == "eomt_dinov3"
    part, notes = _model(fields, rotary)
    prepared = _preprocessing(folder)
    classes, class_notes = read_classes(fields, prepared.first_class, things)
    config, model = built(part, read_point_criterion(fields), prepared, classes, folder)
    if rotary:
        notes += _side_notes(fields, prepared)
    sources = {name: tuple(their_names(name, rotary)) for name in model.state_dict()}
    report, load_notes = load_sources(model, _placed(read_tensors(folder)), sources, UNUSED.get, str(folder))
    notes += [
        *left_out(fields, read=READ),
        *prepared.notes,
        *([DINOV3_LICENSE] if rotary else []),
        *license_notes(source),
    ]
    return Imported(model.eval(), config, classes, report, [*load_notes, *class_notes, *notes])


def _placed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Gives positions the dimension of the batch that ours have."""
    return {name: tensor[None] if name == POSITIONS else tensor for name, tensor in tensors.items()}


def _model(fields: Fields, rotary: bool) -> tuple[dict[str, Any], list[str]]:
    for key, wanted in SUPPORTED:
        fields.require(key, wanted, wanted, f"segkit-eomt supports {wanted!r} alone")
    width, depth = fields.integer("hidden_size", 1024), fields.integer("num_hidden_layers", 24)
    heads, patch = fields.integer("num_attention_heads", 16), fields.integer("patch_size", 16)
    upscaling = num_upscale_blocks(patch)
    fields.require("num_upscale_blocks", upscaling, 2, f"for patches of {patch} pixels, segkit-eomt has {upscaling}")
    size = SIZES.get((width, depth, heads))
    options: dict[str, Any] = {} if size else {"embed_dim": width, "depth": depth, "num_heads": heads}
    ratio = fields.integer("intermediate_size", 4096) / width if rotary else fields.integer("mlp_ratio", 4)
    registers = fields.integer("num_register_tokens", 4)
    options |= {"mlp_ratio": ratio} if ratio != 4 else {}
    options |= {"num_reg_tokens" if rotary else "reg_tokens": registers} if registers != 4 else {}
    part = {
        "type": "eomt",
        "name": _name(fields, rotary, size or "small"),
        "patch_size": patch,
        "num_queries": fields.integer("num_queries", 200),
        "num_blocks": fields.integer("num_blocks", 4),
    }
    part |= {} if rotary else {"image_size": fields.integer("image_size", 640)}
    part |= {"options": options} if options else {}
    return part, _notes(fields, rotary)


def _name(fields: Fields, rotary: bool, size: str) -> str:
    if not rotary:
        return f"vit_{size}_patch14_reg4_dinov2"
    fields.mapping("rope_parameters").require("rope_theta", 100.0, 100.0, "timm's DINOv3 has 100")
    biases = fields.flag("query_bias", True)
    fields.require("value_bias", biases, True, "timm's DINOv3 has biases of queries and values, or neither")
    return f"vit_{size}_patch16_dinov3" + ("_qkvb" if biases else "")


def _notes(fields: Fields, rotary: bool) -> list[str]:
    notes = []
    eps = fields.number("layer_norm_eps", 1e-6)
    if eps != EPS[rotary]:
        notes.append(f"the body's layer norms add {EPS[rotary]} to the variance, where transformers adds {eps}")
    if fields.number("drop_path_rate", 0.0):
        notes.append("drop_path_rate is left out: in training, no block is skipped")
    if rotary and fields.data.get("pos_embed_rescale", 2.0) is not None:
        notes.append("in training, rotary positions are not rescaled at random (pos_embed_rescale)")
    return notes


def _side_notes(fields: Fields, prepared: Preprocessing) -> list[str]:
    """A body with rotary positions has no size of images: it is written back as that of the transforms."""
    side = fields.integer("image_size", DEFAULT_SIDE)
    back = next((part["max_size"] for part in prepared.transforms if "max_size" in part), DEFAULT_SIDE)
    return [] if side == back else [f"image_size = {side} in config.json is left out: written back, it is {back}"]


def _preprocessing(folder: Path) -> Preprocessing:
    """Reads the settings of their image processor, which fits images into a square or cuts them into squares."""
    file = folder / PREPROCESSOR
    fields = Fields(read_json(file) if file.is_file() else {}, file)
    size = fields.data.get("size", {"shortest_edge": 640, "longest_edge": 640})
    if isinstance(size, dict):
        size = {edge: value for edge, value in size.items() if value is not None}
    prepared = read_preprocessing(Fields({**fields.data, "size": size, "size_divisor": 0}, fields.file))
    prepared.notes += left_out(fields, read=READ_PREPROCESSOR) if file.is_file() else [WITHOUT_FILE]
    if fields.data.get("do_split_image"):
        prepared.notes.append("transformers cuts images into squares; predict with --window for the same")
    elif fields.data.get("do_pad"):
        prepared.notes.append("transformers pads images to squares, segkit to whole patches")
    return prepared
