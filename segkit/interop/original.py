"""Reads checkpoints of the original MaskFormer, a detectron2 program: `model_final_….pkl`, or the `.pth` of a training.

The tables translate the original's names. Original checkpoints hold tensors alone, so the config comes from segkit.
"""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from torch import Tensor, nn

from segkit.build import build_model
from segkit.classes import Classes
from segkit.config import Config
from segkit.errors import CheckpointError
from segkit.interop._mismatch import describe_mismatch
from segkit.interop.classes import classes_of_tensors
from segkit.interop.renaming import Rule, rename
from segkit.interop.unpickling import read_model_tensors
from segkit.registries import Imported
from segkit.runtime.weights import LoadReport, load_fitting

_STEM: tuple[Rule, ...] = (
    ("backbone.stem.conv1.norm.*", "backbone.body.bn1.*"),
    ("backbone.stem.conv1.*", "backbone.body.conv1.*"),
)
_DEEP_STEM: tuple[Rule, ...] = (
    ("backbone.stem.conv1.norm.*", "backbone.body.conv1.1.*"),
    ("backbone.stem.conv1.*", "backbone.body.conv1.0.*"),
    ("backbone.stem.conv2.norm.*", "backbone.body.conv1.4.*"),
    ("backbone.stem.conv2.*", "backbone.body.conv1.3.*"),
    ("backbone.stem.conv3.norm.*", "backbone.body.bn1.*"),
    ("backbone.stem.conv3.*", "backbone.body.conv1.6.*"),
)
_BACKBONES: tuple[Rule, ...] = (
    ("backbone.res<n>.<b>.conv<c>.norm.*", "backbone.body.layer<n-1>.<b>.bn<c>.*"),
    ("backbone.res<n>.<b>.conv<c>.*", "backbone.body.layer<n-1>.<b>.conv<c>.*"),
    ("backbone.res<n>.<b>.shortcut.norm.*", "backbone.body.layer<n-1>.<b>.downsample.1.*"),
    ("backbone.res<n>.<b>.shortcut.*", "backbone.body.layer<n-1>.<b>.downsample.0.*"),
    # The original halves its maps at the end of a stage, timm at the start of the next one.
    ("backbone.layers.<n>.downsample.*", "backbone.body.layers_<n+1>.downsample.*"),
    ("backbone.layers.<n>.*", "backbone.body.layers_<n>.*"),
    ("backbone.patch_embed.*", "backbone.body.patch_embed.*"),
    ("backbone.norm<n>.*", "backbone.stage_norms.<n>.*"),
)
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
LICENSE = (
    "the published models of the original are under CC BY-NC 4.0, which forbids commercial use, unlike segkit's code. "
    "Weights that you trained are yours"
)
_NORMALIZATION = ("normalization.mean", "normalization.std")
"""Tensors that follow from the config, so segkit's checkpoints do not hold them."""
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
    ("pixel_mean", "normalization.mean"),
    ("pixel_std", "normalization.std"),
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
        config, classes, things, lambda: _count_classes(tensors, str(file)), str(file)
    )
    model = build_model(config, classes, initial_weights=False)
    report = load_original(model, tensors, str(file), config)
    return Imported(model.eval(), config, classes, report, [*notes, LICENSE])


def _count_classes(tensors: Mapping[str, Tensor], where: str) -> int:
    """Returns the number of classes of an original checkpoint, from the size of its head. Raises CheckpointError."""
    for name, others in _HEAD_ROWS.items():
        if name in tensors:
            return len(tensors[name]) - others
    raise CheckpointError(
        f"{where}: has no class head, so classes cannot be counted. Give a checkpoint of a MaskFormer."
    )


def load_original(model: nn.Module, tensors: Mapping[str, Tensor], where: str, config: Config) -> LoadReport:
    """Copies the tensors of an original checkpoint into `model`.

    Args:
        model: The model to fill, built from `config`.
        tensors: The file's tensors, by the original's names.
        where: The file, for error messages.
        config: The model's config.

    Raises CheckpointError where the tensors are not exactly those of the model.
    """
    theirs = _original_names(tensors, _rules(model), where)  # segkit's name -> theirs
    named = {name: tensors[original] for name, original in theirs.items()}
    # Pixel statistics are not loaded but compared: other ones would silently change every prediction.
    for name in [name for name in _NORMALIZATION if name in named]:
        _compare(model.get_buffer(name), named.pop(name), theirs[name], where)
    report = load_fitting(model, named)
    unexplained = LoadReport(
        missing=[name for name in report.missing if not _carries_nothing(name)],
        unexpected=[name for name in report.unexpected if not _carries_nothing(name)],
        reshaped=report.reshaped,
    )
    if not unexplained.complete:
        raise CheckpointError(describe_mismatch(unexplained, model, named, theirs, where, config))
    report.unexpected = [theirs[name] for name in report.unexpected]
    return report


def _rules(model: nn.Module) -> tuple[Rule, ...]:
    """Returns all rules, with those of the stem and the pyramid that fit the model."""
    own = model.state_dict().keys()
    # ResNet-101c has three 3x3 convolutions where the others have one 7x7.
    stem = _DEEP_STEM if "backbone.body.conv1.0.weight" in own else _STEM
    # `transformer_fpn` holds its pyramid as `fpn`.
    pyramid = _PYRAMID
    if "pixel_decoder.fpn.mask_features.weight" in own:
        pyramid = tuple((theirs, ours.replace("pixel_decoder.", "pixel_decoder.fpn.")) for theirs, ours in _PYRAMID)
    return (*stem, *_BACKBONES, *pyramid, *_TRANSFORMERS, *_HEADS)


def _original_names(names: Iterable[str], rules: Sequence[Rule], where: str) -> dict[str, str]:
    """Maps segkit's names to the original's, of either generation.

    Raises CheckpointError where two names mean one tensor.
    """
    current = {name: _with_pixel_decoder(name) for name in names}
    ours = rename(current.values(), rules)
    found: dict[str, str] = {}
    for original, name in current.items():
        twin = found.setdefault(ours[name], original)
        if twin != original:
            raise CheckpointError(
                f"{where}: model: {twin} and {original} are the older and the newer name of one tensor. Give a file "
                "with only one of them."
            )
    return found


def _with_pixel_decoder(name: str) -> str:
    """Returns the newer name: older files have the pixel decoder's tensors directly under `sem_seg_head`."""
    rest = name.removeprefix("sem_seg_head.")
    if rest == name or rest.startswith(("pixel_decoder.", "predictor.")):
        return name
    return f"sem_seg_head.pixel_decoder.{rest}"


def _carries_nothing(name: str) -> bool:
    """Whether a tensor is known otherwise.

    The config sets the loss's class weights, indices follow from Swin's window, and only training uses batch counters.
    """
    return name == "criterion.empty_weight" or name.endswith((".relative_position_index", ".num_batches_tracked"))


def _compare(ours: Tensor, theirs: Tensor, name: str, where: str) -> None:
    """Raises CheckpointError where the file's pixel mean or standard deviation is not the config's."""
    there, here = theirs.flatten().tolist(), ours.flatten().tolist()
    if [round(value, 3) for value in there] != [round(value, 3) for value in here]:
        in_file, in_config = (", ".join(f"{value:g}" for value in side) for side in (there, here))
        raise CheckpointError(
            f"{where}: {name} is [{in_file}] in the file, [{in_config}] in the config's model. Set model.{name} to the "
            "file's, in the order red, green, blue."
        )
