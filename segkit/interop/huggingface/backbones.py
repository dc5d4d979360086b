"""Their Swin and ResNet configs as settings of the backbone `timm`."""

import re
from dataclasses import dataclass
from typing import Any

from segkit.interop.huggingface.fields import Fields

SWINS = {
    "swin_tiny_patch4_window7_224": (96, [2, 2, 6, 2], [3, 6, 12, 24], 7),
    "swin_small_patch4_window7_224": (96, [2, 2, 18, 2], [3, 6, 12, 24], 7),
    "swin_base_patch4_window7_224": (128, [2, 2, 18, 2], [4, 8, 16, 32], 7),
    "swin_base_patch4_window12_384": (128, [2, 2, 18, 2], [4, 8, 16, 32], 12),
    "swin_large_patch4_window7_224": (192, [2, 2, 18, 2], [6, 12, 24, 48], 7),
    "swin_large_patch4_window12_384": (192, [2, 2, 18, 2], [6, 12, 24, 48], 12),
}
"""timm's Swins of published sizes: width, depths, heads, window."""
RESNETS = {
    "resnet18": ("basic", [2, 2, 2, 2]),
    "resnet34": ("basic", [3, 4, 6, 3]),
    "resnet26": ("bottleneck", [2, 2, 2, 2]),
    "resnet50": ("bottleneck", [3, 4, 6, 3]),
    "resnet101": ("bottleneck", [3, 4, 23, 3]),
    "resnet152": ("bottleneck", [3, 8, 36, 3]),
}
"""timm's ResNets that have the stem and the shortcuts of theirs: kind of block, depths."""
RESNET_CHANNELS = [64, 128, 256, 512]
RESNET_STEM = 64
"""Channels of the stem of every ResNet of timm with a single 7x7 convolution."""
EXPANSION = {"basic": 1, "bottleneck": 4}


@dataclass
class Backbone:
    part: dict[str, Any]
    """The config of the backbone here."""
    stages: list[int]
    """Which stages, from 0, give the feature maps, finest first."""
    notes: list[str]


def read_backbone(fields: Fields) -> Backbone:
    """Raises CheckpointError where it is neither Swin nor ResNet, or a setting of it cannot be had here."""
    kind = fields.data.get("model_type")
    fields.require("num_channels", 3, 3, "segkit's models take images of three channels")
    if kind in ("swin", "maskformer-swin"):
        return _read_swin(fields, all_stages=kind == "swin")
    if kind == "resnet":
        return _read_resnet(fields)
    raise fields.error(
        "model_type",
        f"segkit knows the backbones swin, maskformer-swin and resnet of a MaskFormer, not {kind!r}.",
    )


def _read_swin(fields: Fields, all_stages: bool) -> Backbone:
    fields.require("use_absolute_embeddings", False, False, "timm's Swin has no absolute position embeddings")
    fields.require("hidden_act", "gelu", "gelu", "timm's Swin has 'gelu'")
    fields.require("layer_norm_eps", 1e-5, 1e-5, "timm's Swin has 1e-05")
    width, window = fields.integer("embed_dim", 96), fields.integer("window_size", 7)
    depths, heads = fields.integers("depths", [2, 2, 6, 2]), fields.integers("num_heads", [3, 6, 12, 24])
    if len(heads) != len(depths):
        raise fields.error("num_heads", f"must be as many as depths, {len(depths)}, not {len(heads)}.")
    name = next((name for name, sizes in SWINS.items() if sizes == (width, depths, heads, window)), None)
    options: dict[str, Any] = {}
    if name is None:
        name = "swin_tiny_patch4_window7_224"
        options = {"embed_dim": width, "depths": depths, "num_heads": heads, "window_size": window}
    patch = _patch_size(fields)
    mlp_ratio, bias = fields.number("mlp_ratio", 4.0), fields.flag("qkv_bias", True)
    attention_dropout = fields.number("attention_probs_dropout_prob", 0.0)
    dropout = fields.number("hidden_dropout_prob", 0.0)
    stages = [0, 1, 2, 3] if all_stages else _used_stages(fields, len(depths))
    if all_stages and len(depths) < 4:
        raise fields.error("depths", f"a 'swin' has at least four stages, not {len(depths)}.")
    options |= {
        **({} if patch == 4 else {"patch_size": patch}),
        **({} if mlp_ratio == 4 else {"mlp_ratio": mlp_ratio}),
        **({} if bias else {"qkv_bias": False}),
        "drop_path_rate": fields.number("drop_path_rate", 0.1),
        **({} if attention_dropout == 0 else {"attn_drop_rate": attention_dropout}),
        **({} if dropout == 0 else {"proj_drop_rate": dropout}),
        **({} if len(stages) == len(depths) else {"out_indices": stages}),
    }
    notes = []
    if attention_dropout or dropout:
        notes.append("in training, the backbone's dropout acts in slightly other places than in transformers")
    return Backbone({"type": "timm", "name": name, "stage_norm": True, "options": options}, stages, notes)


def _patch_size(fields: Fields) -> int:
    size = fields.data.get("patch_size", 4)
    if isinstance(size, list) and len(set(size)) == 1:
        size = size[0]
    if not isinstance(size, int) or size < 4:
        raise fields.error("patch_size", f"segkit takes square patches of at least 4 pixels a side, not {size!r}.")
    return size


def _read_resnet(fields: Fields) -> Backbone:
    in_stage, in_1x1 = "timm's ResNet has stride 1 there", "timm's ResNet strides in the 3x3 convolution"
    fields.require("downsample_in_first_stage", False, False, in_stage)
    fields.require("hidden_act", "relu", "relu", "timm's ResNet has 'relu'")
    fields.require("embedding_size", RESNET_STEM, RESNET_STEM, f"timm's ResNet has a stem of {RESNET_STEM} channels")
    kind = fields.data.get("layer_type", "bottleneck")
    if kind not in EXPANSION:
        raise fields.error("layer_type", f"must be 'basic' or 'bottleneck', not {kind!r}.")
    if kind == "bottleneck":
        fields.require("downsample_in_bottleneck", False, False, in_1x1)
    depths, widths = fields.integers("depths", [3, 4, 6, 3]), fields.integers("hidden_sizes", [256, 512, 1024, 2048])
    if len(widths) != len(depths):
        raise fields.error("hidden_sizes", f"must be as many as depths, {len(depths)}, not {len(widths)}.")
    if any(width % EXPANSION[kind] for width in widths):
        raise fields.error("hidden_sizes", f"must be multiples of 4, not {widths}.")
    channels = [width // EXPANSION[kind] for width in widths]
    options: dict[str, Any] = {}
    name = next((name for name, shape in RESNETS.items() if shape == (kind, depths)), None)
    if name is None or channels != RESNET_CHANNELS:
        name = "resnet18" if kind == "basic" else "resnet50"
        options = {"layers": depths, "channels": channels}
    stages = _used_stages(fields, len(depths))
    if stages != [0, 1, 2, 3] or len(depths) != 4:
        options["out_indices"] = [stage + 1 for stage in stages]  # timm counts the stem as the first
    return Backbone({"type": "timm", "name": name, **({"options": options} if options else {})}, stages, [])


def _used_stages(fields: Fields, count: int) -> list[int]:
    """The stages, from 0, that `out_features` or `out_indices` name; the stem is 0 there."""
    names, indices = fields.data.get("out_features"), fields.data.get("out_indices")
    if names is None and indices is not None:
        key, numbers = "out_indices", fields.integers("out_indices", [])
    else:
        key = "out_features"
        found = [re.fullmatch(r"stage(\d+)", str(name)) for name in names or []]
        numbers = [int(match[1]) if match else 0 for match in found]
    if len(numbers) < 2 or not all(1 <= number <= count for number in numbers):
        raise fields.error(
            key, f"must name at least two of the backbone's {count} stages, not {fields.data.get(key)!r}."
        )
    return sorted(number - 1 for number in numbers)
