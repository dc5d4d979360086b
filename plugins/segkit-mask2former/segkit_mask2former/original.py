"""Reads checkpoints of the original Mask2Former. The tables translate its names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segkit import build_model
from segkit.classes import Classes
from segkit.interop.classes import classes_of_tensors
from segkit.interop.detectron2 import LICENSE, backbone_rules, count_classes, load_renamed
from segkit.interop.renaming import Rule
from segkit.interop.unpickling import read_model_tensors
from segkit.registries import Imported
from segkit.runtime.weights import LoadReport
from segkit_mask2former.names import PARTS, in_file, split_projections

_PIXELS = "sem_seg_head.pixel_decoder"
_DEFORMABLE = f"{_PIXELS}.transformer.encoder.layers.<n>"
_PIXEL_DECODER: tuple[Rule, ...] = (
    (f"{_PIXELS}.input_proj.*", "pixel_decoder.input_projections.*"),
    (f"{_PIXELS}.transformer.level_embed", "pixel_decoder.map_embeddings"),
    (f"{_DEFORMABLE}.self_attn.sampling_offsets.*", "pixel_decoder.layers.<n>.attention.offsets.*"),
    (f"{_DEFORMABLE}.self_attn.attention_weights.*", "pixel_decoder.layers.<n>.attention.weights.*"),
    (f"{_DEFORMABLE}.self_attn.value_proj.*", "pixel_decoder.layers.<n>.attention.values.*"),
    (f"{_DEFORMABLE}.self_attn.output_proj.*", "pixel_decoder.layers.<n>.attention.output.*"),
    (f"{_DEFORMABLE}.norm1.*", "pixel_decoder.layers.<n>.attention_norm.*"),
    (f"{_DEFORMABLE}.linear1.*", "pixel_decoder.layers.<n>.feed_forward.0.*"),
    (f"{_DEFORMABLE}.linear2.*", "pixel_decoder.layers.<n>.feed_forward.3.*"),
    (f"{_DEFORMABLE}.norm2.*", "pixel_decoder.layers.<n>.feed_forward_norm.*"),
    (f"{_PIXELS}.adapter_1.norm.*", "pixel_decoder.laterals.0.1.*"),
    (f"{_PIXELS}.adapter_1.*", "pixel_decoder.laterals.0.0.*"),
    (f"{_PIXELS}.layer_1.norm.*", "pixel_decoder.outputs.0.1.*"),
    (f"{_PIXELS}.layer_1.*", "pixel_decoder.outputs.0.0.*"),
    (f"{_PIXELS}.mask_features.*", "pixel_decoder.mask_features.*"),
)
_PREDICTOR = "sem_seg_head.predictor"


def _attention_rules(layers: str, module: str, ours: str) -> tuple[Rule, ...]:
    """The names of one kind of attention; `split_projections` has taken its projections apart."""
    theirs, own = f"{_PREDICTOR}.{layers}.<n>", f"transformer_decoder.layers.<n>.{ours}"
    projections = tuple(
        (f"{theirs}.{module}.in_proj_{kind}[{number}]", f"{own}.{part}.{kind}")
        for number, part in enumerate(PARTS)
        for kind in ("weight", "bias")
    )
    return (*projections, (f"{theirs}.{module}.out_proj.*", f"{own}.output.*"), (f"{theirs}.norm.*", f"{own}_norm.*"))


_TRANSFORMER_DECODER: tuple[Rule, ...] = (
    *_attention_rules("transformer_self_attention_layers", "self_attn", "self_attention"),
    *_attention_rules("transformer_cross_attention_layers", "multihead_attn", "cross_attention"),
    (f"{_PREDICTOR}.transformer_ffn_layers.<n>.linear1.*", "transformer_decoder.layers.<n>.feed_forward.0.*"),
    (f"{_PREDICTOR}.transformer_ffn_layers.<n>.linear2.*", "transformer_decoder.layers.<n>.feed_forward.3.*"),
    (f"{_PREDICTOR}.transformer_ffn_layers.<n>.norm.*", "transformer_decoder.layers.<n>.feed_forward_norm.*"),
    (f"{_PREDICTOR}.decoder_norm.*", "transformer_decoder.norm.*"),
    (f"{_PREDICTOR}.query_feat.*", "transformer_decoder.query_features.*"),
    (f"{_PREDICTOR}.static_query.*", "transformer_decoder.query_features.*"),  # the older name
    (f"{_PREDICTOR}.query_embed.*", "transformer_decoder.query_positions.*"),
    (f"{_PREDICTOR}.level_embed.*", "transformer_decoder.map_embeddings.*"),
    (f"{_PREDICTOR}.input_proj.*", "transformer_decoder.input_projections.*"),
    (f"{_PREDICTOR}.class_embed.*", "transformer_decoder.class_head.*"),
    (f"{_PREDICTOR}.mask_embed.layers.0.*", "transformer_decoder.mask_head.0.*"),
    (f"{_PREDICTOR}.mask_embed.layers.1.*", "transformer_decoder.mask_head.2.*"),
    (f"{_PREDICTOR}.mask_embed.layers.2.*", "transformer_decoder.mask_head.4.*"),
)


def read_original(file: Path, config: Any, classes: Classes | None, things: Sequence[str] | None) -> Imported:
    """Builds the config's model with the weights of an original checkpoint.

    Args:
        file: A `.pkl` or `.pth` file of the original.
        config: The `segkit.Config` of the same model, such as `configs/coco_panoptic_r50.yaml`.
        classes: The class list the checkpoint was trained for. None is that of the config's dataset, or where it is not
            at hand, numbered classes.
        things: Names of the classes that are things, if the caller says so.

    Raises:
        CheckpointError: the file cannot be read, or its tensors are not those of the config's model.
    """
    where = str(file)
    tensors = read_model_tensors(file)
    rows = {f"{_PREDICTOR}.class_embed.weight": 1}
    config, classes, notes = classes_of_tensors(
        config, classes, things, lambda: count_classes(tensors, rows, where, "a Mask2Former"), where
    )
    model = build_model(config, classes, initial_weights=False)
    rules = (*backbone_rules(model), *_PIXEL_DECODER, *_TRANSFORMER_DECODER)
    report = load_renamed(model, split_projections(tensors), rules, where, config)
    report = LoadReport(list(dict.fromkeys(map(in_file, report.loaded))), unexpected=report.unexpected)
    return Imported(model.eval(), config, classes, report, [*notes, LICENSE])
