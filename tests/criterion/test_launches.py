"""How many operations a training step launches: exact, and the same on every machine."""

import pytest
import torch
from torch.nn import functional

from segkit.build import build_criterion, build_model
from segkit.classes import Classes
from segkit.config import load_config
from segkit.criterion import mask_losses
from segkit.inspection.launch_count import LaunchCount
from segkit.losses import focal
from segkit.ops import mask_costs
from segkit.types import Target

SIDE, REAL_SIDE = 64, 512
"""Images of 64 pixels, cut into as many pieces as those of 512."""
SEGMENTS = 12


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Pieces of the sizes, and the softplus, that a GPU takes."""
    smaller = (REAL_SIDE // SIDE) ** 2
    monkeypatch.setattr(mask_losses, "CPU_CHUNK", mask_losses.GPU_CHUNK // smaller)
    monkeypatch.setattr(mask_costs, "CPU_CHUNK", mask_costs.GPU_CHUNK // smaller)
    for module in (focal, mask_costs):
        monkeypatch.setattr(module, "softplus", lambda logits, *_: functional.softplus(logits))


def make_targets(batch):
    """Twelve segments in each image: stripes."""
    stripes = (torch.arange(SIDE) * SEGMENTS // SIDE).to(torch.int16).expand(SIDE, SIDE)
    return [Target(torch.arange(SEGMENTS), stripes.contiguous()) for _ in range(batch)]


def count_step(model, criterion, optimizer, batch):
    """Counts the operations of a step, and the times that it reads a value from the device."""
    images, targets = torch.randint(0, 255, (batch, 3, SIDE, SIDE), dtype=torch.uint8), make_targets(batch)
    with LaunchCount() as count:
        prediction = model(images)
        criterion(prediction, targets).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return count


def test_a_step_of_16_images_launches_hardly_more_than_one_of_2(as_on_a_gpu, monkeypatch):
    config = load_config("segkit://base/mask_former.yaml")
    torch.manual_seed(0)
    classes = Classes.make([f"class {index}" for index in range(20)])
    model = build_model(config, classes, initial_weights=False).train()
    criterion = build_criterion(config, classes)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    reads = []
    cpu = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: reads.append(self.shape) or cpu(self))
    count_step(model, criterion, optimizer, 2)  # the optimizer makes its state
    reads.clear()
    two = count_step(model, criterion, optimizer, 2)
    assert reads == [(6, 2, 100, SEGMENTS)]  # the costs of the matching, once
    sixteen = count_step(model, criterion, optimizer, 16)
    assert len(reads) == 2
    for count in (two, sixteen):
        assert not {name for name in count.by_name if "_local_scalar_dense" in name or "nonzero" in name}
    assert sixteen.total <= 1.15 * two.total, (two.total, sixteen.total)
    assert two.total <= 1900
