"""Reads Mask2Former of transformers as a model, config and class list of segkit."""

from collections.abc import Sequence
from typing import Any

from segkit.errors import CheckpointError
from segkit.interop.huggingface.backbones import Backbone, read_backbone
from segkit.interop.huggingface.building import built
from segkit.interop.huggingface.classes import read_classes
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.files import find_folder, license_notes, read_json, read_tensors
from segkit.interop.huggingface.left_out import left_out
from segkit.interop.huggingface.point_criterion import read_point_criterion
from segkit.interop.huggingface.preprocessing import read_preprocessor
from segkit.interop.loading import load_sources
from segkit.registries import Imported
from segkit.runtime.checkpoint_source import CONFIG
from segkit.runtime.weights import LoadReport
from segkit_mask2former.msdeform import NUM_MAPS
from segkit_mask2former.names import STAGES, in_file, split_projections, their_names, unused_reason

ARCHITECTURE = "Mask2FormerForUniversalSegmentation"
GROUPS = 32
"""Groups of every group norm in their pixel decoder."""
SUPPORTED: tuple[tuple[str, object, str], ...] = (
    ("activation_function", "relu", "the layers of segkit-mask2former have 'relu'"),
    ("pre_norm", False, "the layers of segkit-mask2former have their norms behind"),
    ("common_stride", 4, "segkit-mask2former computes masks at a quarter of the image"),
    ("feature_strides", [4, 8, 16, 32], "segkit-mask2former reads feature maps of these four strides"),
)
"""Settings of which this package has one value alone, which is their default too: key, value, reason."""
READ = frozenset(
    (
        *(key for key, _, _ in SUPPORTED),
        *("backbone_config", "class_weight", "decoder_layers", "dice_weight", "dim_feedforward", "dropout"),
        *("encoder_feedforward_dim", "encoder_layers", "enforce_input_projection", "feature_size", "hidden_dim"),
        *("importance_sample_ratio", "mask_feature_size", "mask_weight", "no_object_weight", "num_attention_heads"),
        *("num_queries", "oversample_ratio", "train_num_points", "use_auxiliary_loss"),
        # Follow from others, or are used by no code of theirs.
        *("num_hidden_layers", "enforce_input_proj"),
    )
)
"""The settings of `config.json` that are read, or that change nothing."""


def read_mask2former(source: str, things: Sequence[str] | None) -> Imported:
    """Reads the Mask2Former in a folder or repository.

    Args:
        source: A folder written by `save_pretrained`, or the name of a repository on the Hugging Face hub.
        things: Names of the classes that are things; all others are stuff. None: a known label set decides.

    Raises:
        CheckpointError: files are missing or damaged, the model or one of its settings is not supported, or tensors are
            missing, left over or of another shape than the config says.
    """
    folder = find_folder(source)
    fields = Fields(read_json(folder / CONFIG), folder / CONFIG)
    _refuse_other_models(fields)
    backbone = _backbone(fields.mapping("backbone_config"))
    prepared = read_preprocessor(folder)
    classes, class_notes = read_classes(fields, prepared.first_class, things)
    part = _model(fields, backbone)
    criterion = {**read_point_criterion(fields), "deep_supervision": True}  # whatever `use_auxiliary_loss` says
    config, model = built(part, criterion, prepared, classes, folder)
    tensors = split_projections(read_tensors(folder))
    report, load_notes = load_sources(model, tensors, their_names(model.state_dict()), unused_reason, str(folder))
    report = LoadReport(list(dict.fromkeys(map(in_file, report.loaded))), unexpected=report.unexpected)
    notes = [*load_notes, *class_notes, *backbone.notes, *_notes(fields), *prepared.notes, *license_notes(source)]
    return Imported(model.eval(), config, classes, report, notes)


def _refuse_other_models(fields: Fields) -> None:
    kind, architectures = fields.data.get("model_type"), fields.data.get("architectures") or [ARCHITECTURE]
    if kind != "mask2former" or ARCHITECTURE not in architectures:
        raise CheckpointError(
            f"{fields.file}: describes another model: {', '.join(map(str, architectures))} of model_type {kind!r}. "
            f"segkit-mask2former reads {ARCHITECTURE} of model_type 'mask2former'."
        )


def _backbone(fields: Fields) -> Backbone:
    kind = fields.data.get("model_type")
    if kind not in ("swin", "resnet"):
        raise fields.error("model_type", f"segkit-mask2former reads the backbones swin and resnet, not {kind!r}.")
    # A Swin of theirs gives the maps that out_features names, as only 'maskformer-swin' does in their MaskFormer.
    named = {"swin": "maskformer-swin"}.get(kind, kind)
    backbone = read_backbone(Fields({**fields.data, "model_type": named}, fields.file, fields.path))
    if backbone.stages != list(STAGES):
        found = fields.data.get("out_features")
        raise fields.error("out_features", f"must name the first four stages of the backbone, not {found!r}.")
    return backbone


def _model(fields: Fields, backbone: Backbone) -> dict[str, Any]:
    for key, wanted, why in SUPPORTED:
        fields.require(key, wanted, wanted, why)
    width, inner = fields.integer("hidden_dim", 256), fields.integer("feature_size", 256)
    if inner % GROUPS:
        raise fields.error("feature_size", f"must be a multiple of {GROUPS}, the groups of its norms, not {inner}.")
    if inner == width:
        why = "segkit-mask2former projects maps to the decoder's width only where they have another"
        fields.require("enforce_input_projection", False, False, why)
    layers = fields.integer("decoder_layers", 10)
    if layers <= NUM_MAPS:
        why = f"must be at least {NUM_MAPS + 1}, a layer for each of {NUM_MAPS} maps and one without, not {layers}."
        raise fields.error("decoder_layers", why)
    both = {"num_heads": fields.integer("num_attention_heads", 8), "dropout": fields.number("dropout", 0.0)}
    return {
        "type": "mask_former",
        "backbone": backbone.part,
        "pixel_decoder": {
            "type": "msdeform",
            "hidden_dim": inner,
            "mask_dim": fields.integer("mask_feature_size", 256),
            "num_layers": fields.integer("encoder_layers", 6),
            "feedforward_dim": fields.integer("encoder_feedforward_dim", 1024),
            **both,
        },
        "transformer_decoder": {
            "type": "masked_attention",
            "num_queries": fields.integer("num_queries", 100),
            "num_layers": layers - 1,  # theirs counts the prediction before the first layer
            "hidden_dim": width,
            "feedforward_dim": fields.integer("dim_feedforward", 2048),
            **both,
        },
    }


def _notes(fields: Fields) -> list[str]:
    notes = [*left_out(fields, read=READ), *left_out(fields.mapping("backbone_config"))]
    if not fields.flag("use_auxiliary_loss", True):
        notes.append(
            "use_auxiliary_loss = False in config.json is left out: transformers computes the losses of all layers of "
            "a Mask2Former nevertheless, and so does deep_supervision"
        )
    dropout = fields.number("dropout", 0.0)
    if dropout:
        notes.append(f"in training, transformers skips layers of its decoder with a probability of {dropout} (dropout)")
    return notes
