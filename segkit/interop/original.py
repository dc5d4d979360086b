"""Reads checkpoints of the original MaskFormer, a detectron2 program: `model_final_….pkl`, or the `.pth` of a training.

The tables translate the original's names. Original checkpoints hold tensors alone, so the config comes from segkit.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from torch import Tensor, nn

from segkit.build import build_model
from segkit.classes import Classes
from segkit.config import Config
from segkit.interop.classes import classes_of_tensors
from segkit.interop.detectron2 import LICENSE, backbone_rules, count_classes, load_renamed
from segkit.interop.renaming import Rule
from segkit.interop.unpickling import read_model_tensors
from segkit.registries import Imported
from segkit.runtime.weights import LoadReport

_PYRAMID: tuple[Rule, ...] = (
    ("sem_seg_head.pixel_decoder.adapter_<n>.norm.*", "pixel_decoder.laterals.<n-1>.1.*"),
    ("sem_seg_head.pixel_decoder.adapter_<n>.*", "pixel_decoder.laterals.<n-1>.0.*"),
    ("sem_seg_head.pixel_decoder.layer_<n>.norm.*", "pixel_decoder.outputs.<n-1>.1.*"),
    ("sem_seg_head.pixel_decoder.layer_<n>.*", "pixel_decoder.outputs.<n-1>.0.*"),
    ("sem_seg_head.pixel_decoder.mask_features.*", "pixel_decoder.mask_features.*"),
)
_ENCODER = "sem_seg_head.pixel_decoder.transformer.encoder"
_DECODER = "sem_seg_head.predictor.transformer.decoder"
_TRANSFORMERS: tuple[Rule, ...] = (
    ("sem_seg_head.pixel_decoder.input_proj.*", "pixel_decoder.input_projection.*"),
    (f"{_ENCODER}.layers.<n>.self_attn.*", "pixel_decoder.layers.<n>.self_attention.attention.*"),
    (f"{_ENCODER}.layers.<n>.linear1.*", "pixel_decoder.layers.<n>.feed_forward.0.*"),
    (f"{_ENCODER}.layers.<n>.linear2.*", "pixel_decoder.layers.<n>.feed_forward.3.*"),
    (f"{_ENCODER}.layers.<n>.norm1.*", "pixel_decoder.layers.<n>.self_attention_norm.*"),
    (f"{_ENCODER}.layers.<n>.norm2.*", "pixel_decoder.layers.<n>.feed_forward_norm.*"),
    (f"{_ENCODER}.norm.*", "pixel_decoder.norm.*"),
    (f"{_DECODER}.layers.<n>.self_attn.*", "transformer_decoder.layers.<n>.self_attention.attention.*"),
    (f"{_DECODER}.layers.<n>.multihead_attn.*", "transformer_decoder.layers.<n>.cross_attention.attention.*"),
    (f"{_DECODER}.layers.<n>.linear1.*", "transformer_decoder.layers.<n>.feed_forward.0.*"),
    (f"{_DECODER}.layers.<n>.linear2.*", "transformer_decoder.layers.<n>.feed_forward.3.*"),
    (f"{_DECODER}.layers.<n>.norm1.*", "transformer_decoder.layers.<n>.self_attention_norm.*"),
    (f"{_DECODER}.layers.<n>.norm2.*", "transformer_decoder.layers.<n>.cross_attention_norm.*"),
    (f"{_DECODER}.layers.<n>.norm3.*", "transformer_decoder.layers.<n>.feed_forward_norm.*"),
    (f"{_DECODER}.norm.*", "transformer_decoder.norm.*"),
)
_HEAD_ROWS = {
    "sem_seg_head.predictor.class_embed.weight": 1,
    "sem_seg_head.predictor.weight": 0,
    "sem_seg_head.predictor.query_embed.weight": 0,
}
"""Tensors with a row per class -> how many other rows they have.

The queries come last: they are one per class only where there is no class head.
"""
_HEADS: tuple[Rule, ...] = (
    ("sem_seg_head.predictor.query_embed.*", "transformer_decoder.query_positions.*"),
    ("sem_seg_head.predictor.input_proj.*", "transformer_decoder.input_projection.*"),
    ("sem_seg_head.predictor.class_embed.*", "transformer_decoder.class_head.*"),
    ("sem_seg_head.predictor.mask_embed.layers.0.*", "transformer_decoder.mask_head.0.*"),
    ("sem_seg_head.predictor.mask_embed.layers.1.*", "transformer_decoder.mask_head.2.*"),
    ("sem_seg_head.predictor.mask_embed.layers.2.*", "transformer_decoder.mask_head.4.*"),
    ("sem_seg_head.predictor.weight", "classifier.weight"),
    ("sem_seg_head.predictor.bias", "classifier.bias"),
)


def import_original(
    file: str | PathLike[str], config: Config, classes: Classes | None = None, things: Sequence[str] | None = None
) -> Imported:
    """Builds the config's model with the weights of an original checkpoint.

    Args:
        file: A `.pkl` or `.pth` file of the original.
        config: The config of the same model, such as `configs/mask_former/ade20k_r50.yaml`.
        classes: The class list the checkpoint was trained for. None is that of the config's dataset, or where it is not
            at hand, numbered classes.
        things: Names of the classes that are things, where `classes` is None.

    Returns:
        The model and its report. The tensors in `unexpected` hold nothing that is not known otherwise.

    Raises:
        CheckpointError: the file cannot be read, or its tensors are not those of the config's model.

    Example:
        >>> from segkit import load_config
        >>> from segkit.classes import Classes
        >>> from segkit.errors import CheckpointError
        >>> config = load_config("configs/mask_former/ade20k_r50.yaml")
        >>> try:
        ...     import_original("no_such_file.pkl", config, Classes.make(["sky", "sea"]))
        ... except CheckpointError as error:
        ...     print(error)
        no_such_file.pkl: cannot be read (No such file or directory).
    """
    tensors = read_model_tensors(Path(file))
    config, classes, notes = classes_of_tensors(
        config, classes, things, lambda: count_classes(tensors, _HEAD_ROWS, str(file), "a MaskFormer"), str(file)
    )
    model = build_model(config, classes, initial_weights=False)
    report = load_original(model, tensors, str(file), config)
    return Imported(model.eval(), config, classes, report, [*notes, LICENSE])


def load_original(model: nn.Module, tensors: Mapping[str, Tensor], where: str, config: Config) -> LoadReport:
    """Copies the tensors of an original checkpoint into `model`.

    Args:
        model: The model to fill, built from `config`.
        tensors: The file's tensors, by the original's names.
        where: The file, for error messages.
        config: The model's config.

    Raises CheckpointError where the tensors are not exactly those of the model.
    """
    return load_renamed(model, tensors, _rules(model), where, config)


def _rules(model: nn.Module) -> tuple[Rule, ...]:
    """Returns all rules, with those of the stem and the pyramid that fit the model."""
    # `transformer_fpn` holds its pyramid as `fpn`.
    pyramid = _PYRAMID
    if "pixel_decoder.fpn.mask_features.weight" in model.state_dict():
        pyramid = tuple((theirs, ours.replace("pixel_decoder.", "pixel_decoder.fpn.")) for theirs, ours in _PYRAMID)
    return (*backbone_rules(model), *pyramid, *_TRANSFORMERS, *_HEADS)
