"""How many operations a training step launches, and how often it waits for the device: the same on every machine."""

import pytest
import torch
from benchmarking.launches import gpu_chunks

from segkit.build import build_criterion, build_model
from segkit.classes import Classes
from segkit.config import load_config
from segkit.inspection.launch_count import LaunchCount
from segkit.runtime.processes import make_accelerator
from segkit.training.step import TrainingStep
from segkit.types import Batch, ImageSizes, Target

SIDE, REDUCTION = 64, 8
"""Images of 64 pixels, computed in as many chunks as those of 512."""
SEGMENTS = 12
READING = ("cpu", "tolist", "item", "__bool__", "__float__", "__int__", "__index__")
"""The methods that wait for the values of a tensor. Of one on a GPU, `numpy` takes none."""


@pytest.fixture(scope="module")
def training_step():
    config = load_config("segkit://base/mask_former.yaml")
    torch.manual_seed(0)
    classes = Classes.make([f"class {index}" for index in range(20)])
    accelerator = make_accelerator("fp32", device="cpu")
    model = build_model(config, classes, initial_weights=False)
    model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), fused=True))
    step = TrainingStep(model, build_criterion(config, classes), optimizer, accelerator, clip_gradients=1.0)
    with gpu_chunks(REDUCTION):
        make_step(step, make_batch(1))  # the optimizer makes its state
        yield step


def make_batch(size):
    """Images with twelve segments each: stripes."""
    stripes = (torch.arange(SIDE) * SEGMENTS // SIDE).to(torch.int16).expand(SIDE, SIDE).contiguous()
    images = torch.randint(0, 255, (size, 3, SIDE, SIDE), dtype=torch.uint8)
    targets = [Target(torch.arange(SEGMENTS), stripes) for _ in range(size)]
    files = [f"{index}.jpg" for index in range(size)]
    sizes = [ImageSizes(*[(SIDE, SIDE)] * 3)] * size
    return Batch(images, sizes, targets, files, list(range(size)))


def make_step(step, *batches):
    """Makes an optimizer step, of which nothing is logged."""
    step.update(step.compute_gradients(batches, 0, 10))


def count_step(step, size):
    batch = make_batch(size)
    with LaunchCount() as count:
        make_step(step, batch)
    return count


@pytest.fixture
def reads(monkeypatch):
    """The shapes of the tensors whose values are read."""
    found = []

    def watch(name):
        read = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda self, *args: found.append(tuple(self.shape)) or read(self, *args)
        )

    for name in READING:
        watch(name)
    return found


def test_a_step_of_16_images_launches_hardly_more_than_one_of_2(training_step):
    two, sixteen = count_step(training_step, 2), count_step(training_step, 16)
    assert sixteen.total <= 1.15 * two.total, (two.total, sixteen.total)
    assert two.total <= 1900


@pytest.mark.parametrize("sizes", [[1], [8], [2, 2]], ids=["one image", "eight images", "two batches"])
def test_what_a_step_reads(training_step, reads, sizes):
    """Each batch's matching needs its costs, and nothing else is read where nothing is logged."""
    batches = [make_batch(size) for size in sizes]
    reads.clear()
    with LaunchCount() as count:
        make_step(training_step, *batches)
    costs = [(6, size, 100, SEGMENTS) for size in sizes]
    assert reads == costs
    assert not {name for name in count.by_name if "_local_scalar_dense" in name or "nonzero" in name}
