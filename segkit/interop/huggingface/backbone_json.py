"""The backbone `timm` as their `backbone_config`."""

from collections.abc import Collection
from typing import Any

from timm.models.swin_transformer import SwinTransformerStage

from segkit.errors import CheckpointError
from segkit.interop.huggingface.backbones import EXPANSION, RESNET_STEM, RESNETS

SWIN_OPTIONS = (
    "always_partition",
    "attn_drop_rate",
    "depths",
    "drop_path_rate",
    "embed_dim",
    "img_size",
    "mlp_ratio",
    "num_heads",
    "out_indices",
    "patch_size",
    "proj_drop_rate",
    "qkv_bias",
    "strict_img_size",
    "window_size",
)
RESNET_OPTIONS = ("channels", "drop_path_rate", "layers", "out_indices")
"""timm's arguments that change nothing, or something that their config can say."""


def backbone_json(backbone: Any, part: dict[str, Any], where: str) -> tuple[dict[str, Any], list[int]]:
    """Their config of a built backbone, and which of its stages, from 0, give the feature maps.

    Args:
        backbone: a TimmBackbone.
        part: its config.
        where: the checkpoint, for messages.

    Raises CheckpointError where transformers has no such backbone.
    """
    name = part["name"].partition(".")[0]
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
        f"their MaskFormer has Swin and ResNet as backbone, not '{part['name']}'. Those it can take are timm's "
        f"swin_… and {', '.join(RESNETS)}",
    )


def _swin_json(
    backbone: Any, part: dict[str, Any], options: dict[str, Any], where: str
) -> tuple[dict[str, Any], list[int]]:
    _refuse_unknown(options, SWIN_OPTIONS, where)
    if not part.get("stage_norm"):
        raise _refusal(where, "stage_norm", "their Swin has a norm on every feature map, and this one has none")
    stages: list[Any] = [module for module in backbone.body.modules() if isinstance(module, SwinTransformerStage)]
    _refuse_unlike_stages(stages, where)
    first = stages[0].blocks[0]
    depths = [len(stage.blocks) for stage in stages]
    used = [int(name.rpartition(".")[2]) for name in backbone.body.feature_info.module_name()]
    embedding = backbone.body.patch_embed.proj
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
                raise _refusal(
                    where, "options", "their Swin has one mlp_ratio and doubles its width at every stage, this one not"
                )
            shift = window // 2 if place % 2 else 0
            if block.shift_size != (shift, shift):
                raise _refusal(
                    where, "options.always_partition", "their Swin shifts windows in all stages; take it out"
                )


def _resnet_json(
    backbone: Any, kind: str, part: dict[str, Any], options: dict[str, Any], where: str
) -> tuple[dict[str, Any], list[int]]:
    _refuse_unknown(options, RESNET_OPTIONS, where)
    if part.get("stage_norm"):
        raise _refusal(where, "stage_norm", "their ResNet has no norm on its feature maps")
    stages: list[Any] = [module for name, module in backbone.body.items() if name.startswith("layer")]
    widths = [stage[0].conv1.out_channels * EXPANSION[kind] for stage in stages]
    names = [name for name in backbone.body.feature_info.module_name() if name.startswith("layer")]  # not the stem
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
            raise _refusal(where, f"options.{option}", "their config has nothing that would say this")


def _refusal(where: str, setting: str, why: str) -> CheckpointError:
    return CheckpointError(f"{where}: model.backbone.{setting}: cannot be written for transformers: {why}.")
