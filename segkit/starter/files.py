"""The two files of a first config: `data.yaml` with the datasets, and `config.yaml` with the model and the training."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

from segkit.config.source import inline
from segkit.datasets._proposal import INSTANCE, PANOPTIC, SEMANTIC
from segkit.errors import counted
from segkit.starter.findings import Findings

DATA, CONFIG = "data.yaml", "config.yaml"

_EVALUATORS = {SEMANTIC: "mean_iou", INSTANCE: "average_precision", PANOPTIC: "panoptic_quality"}

_LARGEST_SIDE = 512
"""Of crops, and the shorter side of images in validation."""

_LARGEST_BATCH = 8
_STRIDE = 32
"""Of the coarsest map of the backbone: crops are multiples of it."""

_EPOCHS, _FEWEST_STEPS, _MOST_STEPS = 100, 1000, 20_000

_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Of the images in training, relative to their size in validation."""


def files_of(findings: Findings, folder: Path) -> dict[str, str]:
    """Returns the text of both files by their names.

    Args:
        findings: What the data are.
        folder: Where the files will lie, for the command in a comment.
    """
    return {DATA: data_yaml(findings), CONFIG: config_yaml(findings, folder)}


def data_yaml(findings: Findings) -> str:
    """Returns the datasets, their transforms, and what is evaluated."""
    proposal, shorter = findings.proposal, min(findings.size)
    side = min(shorter, _LARGEST_SIDE)
    crop = max(side // _STRIDE * _STRIDE, min(side, _STRIDE))
    sizes = [max(1, round(scale * side)) for scale in _SCALES]
    smaller = f"\n    transforms: [{{type: resize_shortest_edge, sizes: {side}, max_size: {4 * side}}}]"
    notes = "".join(fill(note, 116, initial_indent="# ", subsequent_indent="# ") + "\n" for note in proposal.notes)
    return f"""\
# Written by `segkit init-data`. A fragment for `extends`: config.yaml has the model and the training.
# The settings of the dataset: segkit describe dataset {proposal.train["type"]}
{notes}data:
  train:
{_dataset(proposal.train)}
    transforms:
      # Larger sizes show smaller objects, and take more time and memory.
      - {{type: resize_shortest_edge, sizes: {inline(sizes)}, max_size: {4 * side}}}
      - {{type: random_crop, size: [{crop}, {crop}]}}
      - {{type: random_flip}}  # Remove this line if left and right are different classes.
      - {{type: photometric_distortion}}
    batch_size: {_batch_size(findings)}
  val:
{_dataset(proposal.val)}{smaller if shorter > side else ""}
    batch_size: {min(4, findings.val.length)}
postprocessors: [{{type: {proposal.task}}}]
evaluators: [{{type: {_EVALUATORS[proposal.task]}}}]
"""


def config_yaml(findings: Findings, folder: Path) -> str:
    """Returns the model and the training."""
    steps = _steps(findings)
    void = "criterion: {void: ignore}\n" if findings.train.tally.void else ""
    most = findings.most_segments
    return f"""\
# Written by `segkit init-data`, for you to change. It trains as it is:
#
#   segkit train {folder / CONFIG} --output runs/{folder.name}
#
# Faster, to see that all works: training.steps=20 training.evaluate_every=10
extends: [segkit://base/mask_former.yaml, {DATA}]
model:
  # `pretrained: true` downloads weights of ImageNet once. Without a network, set `weights: FILE` instead, or
  # `pretrained: false`, which needs far more images and steps. Larger: resnet50, convnext_tiny.
  backbone: {{type: timm, name: resnet18, pretrained: true}}
  pixel_decoder: {{type: fpn, hidden_dim: 128, mask_dim: 128}}
  transformer_decoder:
    type: standard
    num_queries: {_num_queries(most)}  # The images have up to {counted(most, "segment")}; each query finds at most one.
    num_layers: 3
    num_heads: 8
    hidden_dim: 128
    feedforward_dim: 512
{void}training:
  steps: {steps}  # {_epochs(findings, steps)} of {findings.train.length} images
  optimizer: {{type: adamw, lr: 5e-4, weight_decay: 0.05, backbone_multiplier: 0.3}}
  schedule: {{type: poly, warmup_steps: {min(100, steps // 10)}}}
  clip_gradients: 1.0
  evaluate_every: {steps // 5}
  checkpoint_every: {steps // 5}
  # precision: bf16  # Faster on GPUs and on processors that have it.
"""


def _dataset(settings: Mapping[str, object]) -> str:
    lines = [f"      {key}: {inline(_with_numbers(value))}" for key, value in settings.items()]
    return "\n".join(["    dataset:", *lines])


def _with_numbers(value: object) -> object:
    """Returns a mapping with the ids among its keys as numbers, as people write them."""
    if not isinstance(value, dict):
        return value
    return {int(key) if key.isdigit() else key: one for key, one in value.items()}


def _batch_size(findings: Findings) -> int:
    return min(_LARGEST_BATCH, findings.train.length)


def _steps(findings: Findings) -> int:
    steps = _EPOCHS * findings.train.length / _batch_size(findings)
    return max(_FEWEST_STEPS, min(_MOST_STEPS, round(steps / 100) * 100))


def _epochs(findings: Findings, steps: int) -> str:
    epochs = steps * _batch_size(findings) / findings.train.length
    return f"{epochs:.0f} epochs"


def _num_queries(most_segments: int) -> int:
    """Returns half as many queries again as an image has segments, in eights.

    Example:
        >>> _num_queries(2), _num_queries(20), _num_queries(1000)
        (16, 32, 1000)
    """
    queries = -(-3 * most_segments // 16) * 8
    return max(16, min(200, queries), most_segments)
