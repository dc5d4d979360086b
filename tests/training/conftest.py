"""A training small enough to run many times."""

import pytest

YAML = """
model:
  type: mask_former
  backbone: {{type: timm, name: resnet18, options: {{out_indices: [2, 3]}}}}
  pixel_decoder: {{type: fpn, hidden_dim: 16, mask_dim: 16}}
  transformer_decoder:
    {{type: standard, num_queries: 8, num_layers: 2, num_heads: 2, hidden_dim: 16, feedforward_dim: 32, dropout: 0.1}}
criterion:
  matcher: {{type: hungarian}}
  losses: [{{type: cross_entropy}}, {{type: focal, weight: 20}}, {{type: dice}}]
postprocessors: [{{type: semantic}}, {{type: panoptic}}]
data:
  train: {{dataset: {{type: shapes, length: 8, size: [64, 64]}}, batch_size: 2, workers: {workers}}}
  val: {{dataset: {{type: shapes, length: 3, size: [64, 64], seed: 1}}, workers: 0}}
evaluators: [{{type: mean_iou}}, {{type: panoptic_quality}}]
training:
  steps: 4
  optimizer: {{type: adamw, lr: 1e-3}}
  schedule: {{type: poly}}
  clip_gradients: 1.0
  log_every: 1
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A config file, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "tiny.yaml"
    file.write_text(YAML.format(workers=0))
    return file
