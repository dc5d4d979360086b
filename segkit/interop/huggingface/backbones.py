"""The Swin and ResNet of transformers (`backbone_config`) as settings of segkit's backbone `timm`, and back."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from segkit.backbones.timm import TimmBackbone
from segkit.errors import CheckpointError, counted
from segkit.interop.huggingface.fields import Fields

Settings = dict[str, Any]
"""A mapping of YAML or JSON."""

SWINS = {
    "swin_tiny_patch4_window7_224": (96, [2, 2, 6, 2], [3, 6, 12, 24], 7),
    "swin_small_patch4_window7_224": (96, [2, 2, 18, 2], [3, 6, 12, 24], 7),
    "swin_base_patch4_window7_224": (128, [2, 2, 18, 2], [4, 8, 16, 32], 7),
    "swin_base_patch4_window12_384": (128, [2, 2, 18, 2], [4, 8, 16, 32], 12),
    "swin_large_patch4_window7_224": (192, [2, 2, 18, 2], [6, 12, 24, 48], 7),
    "swin_large_patch4_window12_384": (192, [2, 2, 18, 2], [6, 12, 24, 48], 12),
}
"""timm's Swin models of published sizes: width, depths, heads, window."""
SWIN_OPTIONS = (
    *("always_partition", "attn_drop_rate", "depths", "drop_path_rate", "embed_dim", "img_size", "mlp_ratio"),
    *("num_heads", "out_indices", "patch_size", "proj_drop_rate", "qkv_bias", "strict_img_size", "window_size"),
)
RESNET_OPTIONS = ("channels", "drop_path_rate", "layers", "out_indices")
"""The arguments of timm's models that `backbone_config` can express, or that do not change the model."""
RESNETS = {
    "resnet18": ("basic", [2, 2, 2, 2]),
    "resnet34": ("basic", [3, 4, 6, 3]),
    "resnet26": ("bottleneck", [2, 2, 2, 2]),
    "resnet50": ("bottleneck", [3, 4, 6, 3]),
    "resnet101": ("bottleneck", [3, 4, 23, 3]),
    "resnet152": ("bottleneck", [3, 8, 36, 3]),
}
"""timm's ResNets with the stem and shortcuts of transformers' ResNet: kind of block, depths."""
RESNET_CHANNELS = [64, 128, 256, 512]
RESNET_STEM = 64
"""Channels of the stem: every ResNet of timm with a single 7x7 convolution has 64."""
EXPANSION = {"basic": 1, "bottleneck": 4}
"""Kind of block -> its output channels as a multiple of its inner ones."""


@dataclass
class Backbone:
    """A `backbone_config` in segkit's terms."""

    part: Settings
    """The config of the backbone `timm`."""
    stages: list[int]
    """The stages, from 0, that give the feature maps, finest first."""
    notes: list[str]
    """Differences a user should know of."""


def read_backbone(fields: Fields) -> Backbone:
    """Reads `backbone_config`.

    Raises CheckpointError where it is neither Swin nor ResNet, or has a setting that segkit does not support.
    """
    kind = fields.data.get("model_type")
    fields.require("num_channels", 3, 3, "segkit's models take images of three channels")
    if kind in ("swin", "maskformer-swin"):
        return _read_swin(fields, all_stages=kind == "swin")
    if kind == "resnet":
        return _read_resnet(fields)
    raise fields.error(
        "model_type", f"segkit reads MaskFormers with the backbones swin, maskformer-swin and resnet, not {kind!r}."
    )


def _read_swin(fields: Fields, all_stages: bool) -> Backbone:
    fields.require("use_absolute_embeddings", False, False, "timm's Swin has no absolute position embeddings")
    fields.require("hidden_act", "gelu", "gelu", "timm's Swin has 'gelu'")
    fields.require("layer_norm_eps", 1e-5, 1e-5, "timm's Swin has 1e-05")
    width, window = fields.integer("embed_dim", 96), fields.integer("window_size", 7)
    depths, heads = fields.integers("depths", [2, 2, 6, 2]), fields.integers("num_heads", [3, 6, 12, 24])
    if len(heads) != len(depths):
        raise fields.error("num_heads", f"must have as many entries as depths, {len(depths)}, not {len(heads)}.")
    # A published size gets its own name, so that a user sees what the model is; others override the smallest one.
    name = next((name for name, sizes in SWINS.items() if sizes == (width, depths, heads, window)), None)
    options: Settings = {}
    if name is None:
        name = "swin_tiny_patch4_window7_224"
        options = {"embed_dim": width, "depths": depths, "num_heads": heads, "window_size": window}
    attention_dropout = fields.number("attention_probs_dropout_prob", 0.0)
    dropout = fields.number("hidden_dropout_prob", 0.0)
    # transformers reads a plain 'swin' by its first four stages, whatever `out_features` says.
    stages = [0, 1, 2, 3] if all_stages else _used_stages(fields, len(depths))
    if all_stages and len(depths) < 4:
        raise fields.error("depths", f"a 'swin' has at least four stages, not {len(depths)}.")
    unlike_timm = (  # (option of timm, value, timm's default)
        ("patch_size", _patch_size(fields), 4),
        ("mlp_ratio", fields.number("mlp_ratio", 4.0), 4),
        ("qkv_bias", fields.flag("qkv_bias", True), True),
        ("drop_path_rate", fields.number("drop_path_rate", 0.1), None),  # always named: users tune it
        ("attn_drop_rate", attention_dropout, 0),
        ("proj_drop_rate", dropout, 0),
        ("out_indices", stages, list(range(len(depths)))),
    )
    options |= {option: value for option, value, default in unlike_timm if value != default}
    notes = []
    if attention_dropout or dropout:
        notes.append("in training, the backbone's dropout acts in slightly other places than in transformers")
    return Backbone({"type": "timm", "name": name, "stage_norm": True, "options": options}, stages, notes)


def _patch_size(fields: Fields) -> int:
    size = fields.data.get("patch_size", 4)
    if isinstance(size, list) and len(set(size)) == 1:  # (height, width), as some files write it
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
    if kind == "bottleneck":  # basic blocks have no 1x1 convolution that could stride
        fields.require("downsample_in_bottleneck", False, False, in_1x1)
    depths, widths = fields.integers("depths", [3, 4, 6, 3]), fields.integers("hidden_sizes", [256, 512, 1024, 2048])
    if len(widths) != len(depths):
        raise fields.error("hidden_sizes", f"must have as many entries as depths, {len(depths)}, not {len(widths)}.")
    if any(width % EXPANSION[kind] for width in widths):
        raise fields.error("hidden_sizes", f"must be multiples of 4, not {widths}.")
    channels = [width // EXPANSION[kind] for width in widths]
    options: Settings = {}
    name = next((name for name, shape in RESNETS.items() if shape == (kind, depths)), None)
    if name is None or channels != RESNET_CHANNELS:
        name = "resnet18" if kind == "basic" else "resnet50"
        options = {"layers": depths, "channels": channels}
    stages = _used_stages(fields, len(depths))
    if stages != [0, 1, 2, 3] or len(depths) != 4:
        options["out_indices"] = [stage + 1 for stage in stages]  # timm counts the stem as the first
    return Backbone({"type": "timm", "name": name, **({"options": options} if options else {})}, stages, [])


def _used_stages(fields: Fields, count: int) -> list[int]:
    """The stages, from 0, that `out_features` or `out_indices` name; both count the stem as 0."""
    names, indices = fields.data.get("out_features"), fields.data.get("out_indices")
    if names is None and indices is not None:
        key, numbers = "out_indices", fields.integers("out_indices", [])
    else:
        key = "out_features"
        found = [re.fullmatch(r"stage(\d+)", str(name)) for name in names or []]
        numbers = [int(match[1]) if match else 0 for match in found]
    if len(numbers) < 2 or not all(1 <= number <= count for number in numbers):
        raise fields.error(
            key, f"must name at least two of the backbone's {counted(count, 'stage')}, not {fields.data.get(key)!r}."
        )
    return sorted(number - 1 for number in numbers)  # the pixel decoder takes the finest map first


def backbone_json(backbone: TimmBackbone, part: Settings, where: str) -> tuple[Settings, list[int]]:
    """Returns the `backbone_config` of a built backbone, and the stages, from 0, that give its feature maps.

    Args:
        backbone: The built part.
        part: Its config.
        where: The checkpoint, for error messages.

    Raises CheckpointError where transformers has no such backbone.
    """
    name = part["name"].partition(".")[0]  # without the tag of the published weights
    if part.get("multi_grid") is not None:
        raise _refusal(where, "multi_grid", "their ResNet has no dilated convolutions")
    options = part.get("options") or {}
    if name.startswith("swin_"):
        return _swin_json(backbone, part, options, where)
    if name in RESNETS:
        return _resnet_json(backbone, RESNETS[name][0], part, options, where)
    raise _refusal(
        where,
        "name",
        f"their models have Swin and ResNet backbones, not '{part['name']}'. Use one of timm's swin_… or "
        f"{', '.join(RESNETS)}",
    )


def _swin_json(backbone: TimmBackbone, part: Settings, options: Settings, where: str) -> tuple[Settings, list[int]]:
    from timm.models.swin_transformer import SwinTransformerStage

    _refuse_unknown(options, SWIN_OPTIONS, where)
    if not part.get("stage_norm"):
        raise _refusal(where, "stage_norm", "their Swin has a norm on every feature map, and this one has none")
    body: Any = backbone.body
    # Read from the built model, not from its name and options: those leave timm's defaults out.
    stages: list[Any] = [module for module in body.modules() if isinstance(module, SwinTransformerStage)]
    _refuse_unlike_stages(stages, where)
    first = stages[0].blocks[0]
    depths = [len(stage.blocks) for stage in stages]
    used = [int(name.rpartition(".")[2]) for name in body.feature_info.module_name()]
    embedding = body.patch_embed.proj
    return {
        "model_type": "swin" if used == [0, 1, 2, 3] and len(depths) == 4 else "maskformer-swin",
        "embed_dim": embedding.out_channels,
        "patch_size": embedding.kernel_size[0],
        "depths": depths,
        "num_heads": [stage.blocks[0].attn.num_heads for stage in stages],
        "window_size": first.window_size[0],
        "mlp_ratio": first.mlp_ratio,
        "qkv_bias": first.attn.qkv.bias is not None,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        # timm keeps no dropout rates that can be read back; the defaults are timm's.
        "drop_path_rate": options.get("drop_path_rate", 0.1),
        "attention_probs_dropout_prob": options.get("attn_drop_rate", 0.0),
        "hidden_dropout_prob": options.get("proj_drop_rate", 0.0),
        "use_absolute_embeddings": False,
        "out_features": [f"stage{stage + 1}" for stage in used],
    }, used


def _refuse_unlike_stages(stages: list[Any], where: str) -> None:
    """Their Swin has one window and one mlp_ratio, doubles its width at each stage, and shifts every second block."""
    first = stages[0].blocks[0]
    window = first.window_size[0]
    for index, stage in enumerate(stages):
        for place, block in enumerate(stage.blocks):
            if block.window_size != (window, window):
                raise _refusal(where, "name", "their Swin has one square window for all stages, this one has several")
            if block.mlp_ratio != first.mlp_ratio or block.dim != first.dim * 2**index:
                why = "their Swin has one mlp_ratio and doubles its width at every stage, this one does not"
                raise _refusal(where, "options", why)
            shift = window // 2 if place % 2 else 0
            if block.shift_size != (shift, shift):
                why = "their Swin shifts windows in all stages. Remove this option"
                raise _refusal(where, "options.always_partition", why)


def _resnet_json(
    backbone: TimmBackbone, kind: str, part: Settings, options: Settings, where: str
) -> tuple[Settings, list[int]]:
    _refuse_unknown(options, RESNET_OPTIONS, where)
    if part.get("stage_norm"):
        raise _refusal(where, "stage_norm", "their ResNet has no norm on its feature maps")
    body: Any = backbone.body
    stages: list[Any] = [module for name, module in body.items() if name.startswith("layer")]
    widths = [stage[0].conv1.out_channels * EXPANSION[kind] for stage in stages]
    names = [name for name in body.feature_info.module_name() if name.startswith("layer")]  # not the stem
    used = [int(name.removeprefix("layer")) - 1 for name in names]
    return {
        "model_type": "resnet",
        "layer_type": kind,
        "embedding_size": RESNET_STEM,
        "hidden_sizes": widths,
        "depths": [len(stage) for stage in stages],
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
        "downsample_in_bottleneck": False,
        "out_features": [f"stage{stage + 1}" for stage in used],
    }, used


def _refuse_unknown(options: Collection[str], known: Collection[str], where: str) -> None:
    for option in options:
        if option not in known:
            raise _refusal(where, f"options.{option}", "their config cannot express this option")


def _refusal(where: str, setting: str, why: str) -> CheckpointError:
    return CheckpointError(f"{where}: model.backbone.{setting}: cannot be written for transformers: {why}.")
