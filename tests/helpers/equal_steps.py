"""A training whose loss must not depend on how a step is split, and the runs of it to compare."""

import os
import zlib
from pathlib import Path

import pytest

from tests.helpers.tiny import lines_of

DATASET = '''
"""`shapes`, with every second image emptied, so that many batches and processes have no segment."""
from dataclasses import replace

import torch

from segkit.datasets.shapes import Shapes
from segkit.registries import DATASETS
from segkit.types import NO_SEGMENT, Target


@DATASETS.register("NAME")
class HalfEmpty:
    def __init__(self, *, length: int = 16) -> None:
        self.shapes = Shapes(length=length, size=(64, 64))
        self.classes = self.shapes.classes

    def __len__(self):
        return len(self.shapes)

    def __getitem__(self, index):
        sample = self.shapes[index]
        if index % 2 == 0:
            return sample
        nothing = torch.full_like(sample.target.segment_map, NO_SEGMENT)
        return replace(sample, target=Target(torch.zeros(0, dtype=torch.int64), nothing))
'''

YAML = """
plugins: [%(dataset)s.py]
model:
  %(model)s
  backbone: {type: timm, name: resnet18, freeze_batch_norm: true, options: {out_indices: [2, 3]}}
  pixel_decoder: {type: fpn, hidden_dim: 16, mask_dim: 16}
criterion: %(criterion)s
data: {train: {dataset: {type: %(dataset)s}, workers: 0}}
training:
  steps: 20
  optimizer: {type: adamw, lr: 1e-4}
  schedule: {type: poly}
  clip_gradients: 1.0
  log_every: 1
"""

QUERIES = {
    "model": """type: mask_former
  transformer_decoder:
    {type: standard, num_queries: 8, num_layers: 2, num_heads: 2, hidden_dim: 16, feedforward_dim: 32, dropout: 0}""",
    "criterion": """
  matcher: {type: hungarian}
  losses: [{type: cross_entropy, class_weights: {circle: 3.0}}, {type: focal, weight: 20}, {type: dice}]""",
}
PIXELS = {"model": "type: per_pixel", "criterion": "{losses: [{type: pixel_cross_entropy}]}"}

SPLITS = {"1 x 4": (1, 4, 1), "2 x 2": (2, 2, 1), "4 x 1": (4, 1, 1), "accumulated": (1, 1, 4), "both": (2, 1, 2)}
"""Processes, images per batch, batches per step: four images a step."""


def write_config(folder: Path, parts: dict[str, str]) -> Path:
    # Of each folder another: a process registers a name once.
    dataset = f"half_empty_{zlib.crc32(os.fsencode(folder))}"
    (folder / f"{dataset}.py").write_text(DATASET.replace("NAME", dataset))
    file = folder / "config.yaml"
    file.write_text(YAML % {**parts, "dataset": dataset})
    return file


def losses_of(run: Path) -> list[dict[str, float]]:
    """Losses and gradient norm of each step, from `metrics.jsonl`."""
    return [{**line["losses"], "norm": line["gradient_norm"]} for line in lines_of(run) if "losses" in line]


def assert_equal_losses(run: Path, expected: Path, steps: int | None = None) -> None:
    """Compares two runs to 1e-5, the bound that the documentation names."""
    ours, theirs = losses_of(run), losses_of(expected)
    assert len(ours) == (len(theirs) if steps is None else steps)
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-6)
