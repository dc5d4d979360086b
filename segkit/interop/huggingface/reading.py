"""`import_huggingface`: reads their MaskFormer as a model, config and class list of segkit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segkit.errors import CheckpointError
from segkit.interop.huggingface.backbones import Backbone, read_backbone
from segkit.interop.huggingface.building import built
from segkit.interop.huggingface.classes import read_classes
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.files import find_folder, license_notes, read_json, read_tensors
from segkit.interop.huggingface.left_out import left_out
from segkit.interop.huggingface.names import as_published, their_names, unused_reason
from segkit.interop.huggingface.preprocessing import read_preprocessor
from segkit.interop.loading import load_sources
from segkit.registries import Imported
from segkit.runtime.checkpoint_source import CONFIG

ARCHITECTURE = "MaskFormerForInstanceSegmentation"


def import_huggingface(source: str | Path, things: Sequence[str] | None = None) -> Imported:
    """Reads the MaskFormer in `source`.

    Supports Swin and ResNet backbones of any size, and weights in safetensors or pickle, in one file or several. The
    outputs equal theirs, except those of earlier decoder layers (`use_auxiliary_loss`): segkit normalizes their
    queries before the heads, as in the paper, and transformers does not.

    Args:
        source: A folder written by `save_pretrained`, or the name of a repository on the Hugging Face hub.
        things: Names of the classes that are things; all others are stuff. Their files do not say so. By default the
            classes decide, if they are those of a known label set such as COCO's; else all are things.

    Raises:
        CheckpointError: files are missing or damaged, the model or one of its settings is not supported, or tensors
            are missing, left over, or of another shape than the config says; or `things` names an unknown class.

    Example:
        >>> import tempfile
        >>> from segkit.build import build_model
        >>> from segkit.classes import Classes
        >>> from segkit.config import load_config
        >>> from segkit.interop.huggingface import write_huggingface
        >>> parts = {"backbone": {"type": "timm", "name": "resnet18"}, "pixel_decoder": {"type": "fpn"}}
        >>> decoder = {"type": "standard", "num_layers": 1}
        >>> config = load_config({"model": {"type": "mask_former", **parts, "transformer_decoder": decoder}})
        >>> classes = Classes.make(["sky", "sea"])
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_huggingface(build_model(config, classes), config, classes, folder)
        []
        >>> import_huggingface(folder).classes.names
        ('sky', 'sea')
    """
    folder = find_folder(source)
    fields = Fields(read_json(folder / CONFIG), folder / CONFIG)
    _refuse_other_models(fields)
    backbone = read_backbone(fields.mapping("backbone_config"))
    prepared = read_preprocessor(folder)
    classes, class_notes = read_classes(fields, prepared.first_class, things)
    config, model = built(_model(fields, backbone), _criterion(fields), prepared, classes, folder)
    stages = backbone.stages
    report, load_notes = load_sources(
        model,
        read_tensors(folder),
        their_names(model.state_dict(), stages),
        lambda name: unused_reason(name, stages),
        str(folder),
        as_published,
    )
    mappings = (fields, fields.mapping("backbone_config"), fields.mapping("decoder_config"))
    dropped = [note for mapping in mappings for note in left_out(mapping)]
    notes = [
        *load_notes,
        *class_notes,
        *backbone.notes,
        *_training_notes(fields),
        *dropped,
        *prepared.notes,
        *license_notes(source),
    ]
    return Imported(model.eval(), config, classes, report, notes)


def _refuse_other_models(fields: Fields) -> None:
    kind = fields.data.get("model_type")
    architectures = fields.data.get("architectures") or [ARCHITECTURE]
    if kind != "maskformer" or ARCHITECTURE not in architectures:
        found = ", ".join(map(str, fields.data.get("architectures") or [])) or "no architecture"
        raise CheckpointError(
            f"{fields.file}: describes another model: {found} of model_type {kind!r}. segkit reads {ARCHITECTURE} of "
            "model_type 'maskformer'."
        )


def _model(fields: Fields, backbone: Backbone) -> dict[str, Any]:
    return {
        "type": "mask_former",
        "backbone": backbone.part,
        "pixel_decoder": {
            "type": "fpn",
            "hidden_dim": fields.integer("fpn_feature_size", 256),
            "mask_dim": fields.integer("mask_feature_size", 256),
        },
        "transformer_decoder": _decoder(fields.mapping("decoder_config")),
    }


def _criterion(fields: Fields) -> dict[str, Any]:
    """Their matcher uses the weights of the losses as its costs."""
    mask_weight, dice_weight = fields.number("mask_weight", 20.0), fields.number("dice_weight", 1.0)
    class_weight = fields.number("cross_entropy_weight", 1.0)
    auxiliary = fields.flag("use_auxiliary_loss", False)
    # With one layer there are no auxiliary losses, and a config may not set what has no effect.
    one_layer = fields.mapping("decoder_config").integer("decoder_layers", 6) == 1
    return {
        "matcher": {"type": "hungarian", "class_cost": 1.0, "mask_cost": mask_weight, "dice_cost": dice_weight},
        "losses": [
            {
                "type": "cross_entropy",
                "weight": class_weight,
                "no_object_weight": fields.number("no_object_weight", 0.1),
            },
            {"type": "focal", "weight": mask_weight},
            {"type": "dice", "weight": dice_weight},
        ],
        **({} if one_layer else {"deep_supervision": auxiliary}),
    }


def _decoder(fields: Fields) -> dict[str, Any]:
    fields.require("model_type", "detr", "detr", "segkit supports only decoders of model_type 'detr'")
    fields.require("activation_function", "relu", "relu", "segkit's decoder has 'relu'")
    fields.require(
        "auxiliary_loss",
        False,
        False,
        "with it, transformers passes normalized queries from layer to layer, which segkit's decoder does not. Set it "
        "to false to use the weights nevertheless",
    )
    width, heads = fields.integer("d_model", 256), fields.integer("decoder_attention_heads", 8)
    if width % heads or width % 4:
        raise fields.error("d_model", f"must be a multiple of 4 and of the {heads} heads, not {width}.")
    return {
        "type": "standard",
        "num_queries": fields.integer("num_queries", 100),
        "num_layers": fields.integer("decoder_layers", 6),
        "num_heads": heads,
        "hidden_dim": width,
        "feedforward_dim": fields.integer("decoder_ffn_dim", 2048),
        "dropout": fields.number("dropout", 0.1),
    }


def _training_notes(fields: Fields) -> list[str]:
    decoder = fields.mapping("decoder_config")
    dropout = decoder.number("dropout", 0.1)
    others = [decoder.number(key, 0.0) for key in ("attention_dropout", "activation_dropout")]
    if others == [dropout, dropout]:
        return []
    return [
        f"in training, the decoder's dropout of {dropout} acts on attention and activations too, where transformers "
        f"uses {others[0]} and {others[1]}"
    ]
