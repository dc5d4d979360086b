"""What readers of detectron2 programs share: the names of their backbones, and loading that accounts for every tensor.

Such checkpoints hold tensors alone, so the config comes from segkit. A reader adds the names of its own parts.
"""

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor, nn

from segkit.config import Config
from segkit.errors import CheckpointError
from segkit.interop._mismatch import describe_mismatch
from segkit.interop.loading import require_pixels
from segkit.interop.renaming import Rule, rename
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
_NORMALIZATION: tuple[Rule, ...] = (
    ("pixel_mean", "normalization.mean"),
    ("pixel_std", "normalization.std"),
)
"""Tensors that follow from the config, so segkit's checkpoints do not hold them."""
LICENSE = (
    "the published models of the original are under CC BY-NC 4.0, which forbids commercial use, unlike segkit's code. "
    "Weights that you trained are yours"
)


def backbone_rules(model: nn.Module) -> tuple[Rule, ...]:
    """Returns the names of detectron2's ResNet and of the Swin of its programs, with the stem that the model has.

    Example:
        >>> from segkit.interop.renaming import rename
        >>> rename(["backbone.res2.0.conv1.weight"], backbone_rules(nn.Identity()))
        {'backbone.res2.0.conv1.weight': 'backbone.body.layer1.0.conv1.weight'}
    """
    # ResNet-101c has three 3x3 convolutions where the others have one 7x7.
    stem = _DEEP_STEM if "backbone.body.conv1.0.weight" in model.state_dict() else _STEM
    return (*stem, *_BACKBONES)


def count_classes(tensors: Mapping[str, Tensor], rows: Mapping[str, int], where: str, program: str) -> int:
    """Returns the number of classes of a checkpoint, from the size of its head.

    Args:
        tensors: By the names of the file.
        rows: Tensors with a row per class -> how many other rows they have. The first that the file has counts.
        where: The file, for error messages.
        program: The model that has such a head, with its article, for error messages.

    Raises:
        CheckpointError: The file has none of them.

    Example:
        >>> import torch
        >>> count_classes({"head.weight": torch.zeros(4, 8)}, {"head.weight": 1}, "model.pkl", "a MaskFormer")
        3
    """
    for name, others in rows.items():
        if name in tensors:
            return len(tensors[name]) - others
    raise CheckpointError(f"{where}: has no class head, so classes cannot be counted. Give a checkpoint of {program}.")


def load_renamed(
    model: nn.Module, tensors: Mapping[str, Tensor], rules: Sequence[Rule], where: str, config: Config
) -> LoadReport:
    """Copies the tensors of a checkpoint into `model`.

    Args:
        model: The model to fill, built from `config`.
        tensors: The file's tensors, by its names.
        rules: Its names -> segkit's, but for those of the pixel statistics.
        where: The file, for error messages.
        config: The model's config.

    Returns:
        The report in the file's names. The tensors in `unexpected` hold nothing that is not known otherwise.

    Raises:
        CheckpointError: The tensors are not exactly those of the model, or the pixel statistics are not the config's.
    """
    theirs = _original_names(tensors, [*rules, *_NORMALIZATION], where)  # segkit's name -> theirs
    named = {name: tensors[original] for name, original in theirs.items()}
    # Pixel statistics are not loaded but compared: other ones would silently change every prediction.
    compared = [name for _, name in _NORMALIZATION if name in named]
    for name in compared:
        require_pixels(model.get_buffer(name), named.pop(name), theirs[name], where)
    report = load_fitting(model, named)
    unexplained = LoadReport(
        missing=[name for name in report.missing if not _carries_nothing(name)],
        unexpected=[name for name in report.unexpected if not _carries_nothing(name)],
        reshaped=report.reshaped,
    )
    if not unexplained.complete:
        raise CheckpointError(describe_mismatch(unexplained, model, named, theirs, where, config))
    report.loaded = [theirs[name] for name in [*report.loaded, *compared]]
    report.unexpected = [theirs[name] for name in report.unexpected]
    return report


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
