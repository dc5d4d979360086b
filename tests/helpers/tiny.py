"""A config small enough to be built and trained many times, and what tests do with it."""

import json
from pathlib import Path

import torch

from segkit.checkpoint import read_weights
from segkit.types import NO_SEGMENT, Target

MODELS = {
    "mask_former": """
  type: mask_former
  backbone: {type: timm, name: resnet18, options: {out_indices: [2, 3]}}
  pixel_decoder: {type: fpn, hidden_dim: 16, mask_dim: 16}
  transformer_decoder:
    {type: standard, num_queries: 8, num_layers: 2, num_heads: 2, hidden_dim: 16, feedforward_dim: 32, dropout: 0.1}
""",
    "mask_former with transformer_fpn": """
  type: mask_former
  backbone: {type: timm, name: resnet18, options: {out_indices: [2, 3]}}
  pixel_decoder:
    {type: transformer_fpn, hidden_dim: 16, mask_dim: 16, num_layers: 2, num_heads: 2, feedforward_dim: 32}
  transformer_decoder:
    {type: standard, num_queries: 8, num_layers: 2, num_heads: 2, hidden_dim: 16, feedforward_dim: 32}
""",
    "per_pixel": """
  type: per_pixel
  backbone: {type: timm, name: resnet18, options: {out_indices: [2, 3]}}
  pixel_decoder: {type: fpn, hidden_dim: 16, mask_dim: 16}
""",
    "per_pixel with queries": """
  type: per_pixel
  backbone: {type: timm, name: resnet18, options: {out_indices: [2, 3]}}
  pixel_decoder: {type: fpn, hidden_dim: 16, mask_dim: 16}
  transformer_decoder:
    {type: standard, class_head: false, num_queries: 8, num_layers: 2, num_heads: 2, hidden_dim: 16, feedforward_dim: 8}
""",
}
"""The YAML of all models that segkit can be made of, for the eight classes of `shapes`."""

QUERY_LOSSES = "[{type: cross_entropy}, {type: focal, weight: 20}, {type: dice}]"
QUERY_CRITERION = f"{{matcher: {{type: hungarian}}, losses: {QUERY_LOSSES}}}"
PIXEL_CRITERION = "{losses: [{type: pixel_cross_entropy}]}"

YAML = """
model: %(model)s
criterion: %(criterion)s
postprocessors: [{type: semantic}, {type: panoptic}]
data:
  train: {dataset: {type: shapes, length: 8, size: [64, 64]}, batch_size: 2, workers: 0}
  val: {dataset: {type: shapes, length: 3, size: [64, 64], seed: 1}, workers: 0}
evaluators: [{type: mean_iou}, {type: panoptic_quality}]
training:
  steps: 4
  optimizer: {type: adamw, lr: 1e-3}
  schedule: {type: poly}
  clip_gradients: 1.0
  log_every: 1
"""


def tiny_yaml(model: str = "mask_former") -> str:
    criterion = PIXEL_CRITERION if model.startswith("per_pixel") else QUERY_CRITERION
    text = YAML % {"model": MODELS[model], "criterion": criterion}
    if model.startswith("per_pixel"):
        text = text.replace(", {type: panoptic}", "").replace(", {type: panoptic_quality}", "")
    return text


def write_tiny(folder: Path, model: str = "mask_former") -> Path:
    file = folder / "tiny.yaml"
    file.write_text(tiny_yaml(model))
    return file


def lines_of(run: Path) -> list[dict]:
    """`metrics.jsonl`."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def evaluations_of(run: Path) -> list[dict]:
    return [line["evaluation"] for line in lines_of(run) if "evaluation" in line]


def assert_equal_weights(one: Path, other: Path) -> None:
    ours, theirs = read_weights(one), read_weights(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def empty_target(size: tuple[int, int]) -> Target:
    """An image without any segment."""
    return Target(torch.zeros(0, dtype=torch.int64), torch.full(size, NO_SEGMENT, dtype=torch.int16))


def halves_target(size: tuple[int, int], labels: tuple[int, int] = (0, 1)) -> Target:
    """Two segments, left and right."""
    segment_map = (torch.arange(size[1]) >= size[1] // 2).to(torch.int16).expand(size).contiguous()
    return Target(torch.tensor(labels), segment_map)
