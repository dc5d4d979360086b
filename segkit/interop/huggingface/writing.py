"""`write_huggingface`: writes a model of segkit as their MaskFormer."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from segkit.backbones.timm import TimmBackbone
from segkit.checkpoint import Checkpoint
from segkit.classes import Classes
from segkit.config import Config
from segkit.errors import CheckpointError
from segkit.interop.huggingface.backbones import backbone_json
from segkit.interop.huggingface.classes import classes_json, things_notes
from segkit.interop.huggingface.files import PREPROCESSOR, SAFETENSORS, write_json
from segkit.interop.huggingface.preprocessing import preprocessor_json
from segkit.interop.huggingface.reading import ARCHITECTURE
from segkit.interop.huggingface.tensors import their_tensors
from segkit.models._base import SegmentationModel
from segkit.models.mask_former import MaskFormer
from segkit.pixel_decoders.fpn import FPN
from segkit.runtime.checkpoint_source import CONFIG
from segkit.transformer_decoders.standard import StandardDecoder

PARTS = {"backbone": TimmBackbone, "pixel_decoder": FPN, "transformer_decoder": StandardDecoder}
"""The parts that can be written. Exactly these classes: a subclass may compute something else."""
_NAMES = {"backbone": "timm", "pixel_decoder": "fpn", "transformer_decoder": "standard"}
GROUPS = 32
"""Groups of every group norm in their pixel decoder."""


def write_huggingface(model: SegmentationModel, config: Config, classes: Classes, folder: Path) -> list[str]:
    """Writes the files of `MaskFormerForInstanceSegmentation.from_pretrained` and its image processor.

    Of the criterion, only the weights of the losses are written; transformers derives the matcher's costs from them.
    `use_auxiliary_loss` is off, as in the published checkpoints: with it, every forward pass of transformers computes
    the masks of all layers, from queries that are not normalized.

    Args:
        model: Built from `config` for `classes`.
        config: The whole config.
        classes: The class list.
        folder: An empty folder.

    Returns:
        Notes on what the files cannot express.

    Raises:
        CheckpointError: transformers has no such model; the message names the part.

    Example:
        >>> import tempfile
        >>> from segkit.build import build_model
        >>> from segkit.config import load_config
        >>> parts = {"backbone": {"type": "timm", "name": "resnet18"}, "pixel_decoder": {"type": "fpn"}}
        >>> decoder = {"type": "standard", "num_layers": 1}
        >>> config = load_config({"model": {"type": "mask_former", **parts, "transformer_decoder": decoder}})
        >>> classes = Classes.make(["sky", "sea"])
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_huggingface(build_model(config, classes), config, classes, folder)
        []
        >>> sorted(file.name for file in folder.iterdir())
        ['config.json', 'model.safetensors', 'preprocessor_config.json']
    """
    loaded = Checkpoint(model, classes, config)
    where = config.path
    _refuse_other_parts(loaded, where)
    content, stages = _config_json(loaded, where)
    tensors = their_tensors(loaded.model, stages, content, where)
    write_json(folder / CONFIG, content)
    write_json(folder / PREPROCESSOR, _preprocessor_json(loaded, where))
    save_file(tensors, folder / SAFETENSORS, metadata={"format": "pt"})
    return _notes(loaded)


def _notes(loaded: Checkpoint) -> list[str]:
    """What their files cannot express."""
    notes = []
    section = loaded.config.experiment.criterion
    model: Any = loaded.model  # a MaskFormer
    if section is not None and section.deep_supervision and len(model.transformer_decoder.layers) > 1:
        notes.append(
            "use_auxiliary_loss is false in the files, although the config has criterion.deep_supervision. To train on "
            "in transformers, set it to true: each of its forward passes then computes the masks of all layers"
        )
    return [*notes, *things_notes(loaded.classes)]


def _refuse_other_parts(loaded: Checkpoint, where: str) -> None:
    model = loaded.config.experiment.model
    if type(loaded.model) is not MaskFormer:
        raise CheckpointError(
            f"{where}: model.type: cannot be written for transformers: only 'mask_former' can, and this model is "
            f"'{model['type']}'."
        )
    # The class says what is computed, so it is compared, not the name: a plugin may register another 'fpn'.
    for kind, known in PARTS.items():
        if type(getattr(loaded.model, kind)) is not known:
            raise CheckpointError(
                f"{where}: model.{kind}.type: cannot be written for transformers: their MaskFormer has no "
                f"'{model[kind]['type']}'. Use '{_NAMES[kind]}'."
            )
    decoder = model["transformer_decoder"]
    for setting, wanted_value in (("pre_norm", False), ("class_head", True)):
        if decoder.get(setting, wanted_value) != wanted_value:
            raise CheckpointError(
                f"{where}: model.transformer_decoder.{setting}: cannot be written for transformers: their decoder "
                f"always has {str(wanted_value).lower()}."
            )
    width = model["pixel_decoder"].get("hidden_dim", 256)
    if width % GROUPS:
        raise CheckpointError(
            f"{where}: model.pixel_decoder.hidden_dim: cannot be written for transformers: their group norms have "
            f"{GROUPS} groups, and {width} is not a multiple of that."
        )


def _config_json(loaded: Checkpoint, where: str) -> tuple[dict[str, Any], list[int]]:
    """Returns the content of `config.json`, and the stages of the backbone that are used."""
    model: Any = loaded.model  # a MaskFormer, of the parts that _refuse_other_parts has checked
    part = loaded.config.experiment.model
    backbone, stages = backbone_json(model.backbone, part["backbone"], where)
    if len(stages) < 2:
        raise CheckpointError(
            f"{where}: model.backbone.options.out_indices: cannot be written for transformers: their pixel decoder "
            "needs two feature maps or more."
        )
    pixel_decoder = model.pixel_decoder
    return {
        "architectures": [ARCHITECTURE],
        "model_type": "maskformer",
        "backbone_config": backbone,
        "decoder_config": _decoder_json(model.transformer_decoder, part["transformer_decoder"]),
        "fpn_feature_size": pixel_decoder.mask_features.in_channels,
        "mask_feature_size": pixel_decoder.mask_dim,
        "use_auxiliary_loss": False,
        **_criterion_json(loaded.config),
        **classes_json(loaded.classes),
    }, stages


def _decoder_json(decoder: Any, part: dict[str, Any]) -> dict[str, Any]:
    layer = decoder.layers[0]
    heads = layer.self_attention.attention.num_heads
    dropout = part.get("dropout", 0.1)
    return {
        "model_type": "detr",
        "d_model": decoder.query_positions.embedding_dim,
        "num_queries": decoder.query_positions.num_embeddings,
        "decoder_layers": len(decoder.layers),
        "decoder_attention_heads": heads,
        "decoder_ffn_dim": layer.feed_forward[0].out_features,
        "encoder_layers": 0,  # MaskFormer uses only DETR's decoder
        "encoder_attention_heads": heads,
        "activation_function": "relu",
        "dropout": dropout,
        "attention_dropout": dropout,
        "activation_dropout": dropout,
        "auxiliary_loss": False,
    }


def _criterion_json(config: Config) -> dict[str, float]:
    """The weights of the losses that transformers has too; without a criterion in the config, its defaults."""
    section = config.experiment.criterion
    losses = {loss["type"]: loss for loss in (section.losses if section else [])}
    weights = {
        "cross_entropy_weight": losses.get("cross_entropy", {}).get("weight", 1.0),
        "mask_weight": losses.get("focal", {"weight": 20.0}).get("weight", 1.0),
        "dice_weight": losses.get("dice", {}).get("weight", 1.0),
    }
    return {**weights, "no_object_weight": losses.get("cross_entropy", {}).get("no_object_weight", 0.1)}


def _preprocessor_json(loaded: Checkpoint, where: str) -> dict[str, Any]:
    data = loaded.config.experiment.data
    model: Any = loaded.model  # a MaskFormer
    return preprocessor_json(
        data.val.transforms if data is not None and data.val is not None else [],
        model.pixel_mean,
        model.pixel_std,
        loaded.classes.ids,
        loaded.model.size_divisor,
        where,
    )
