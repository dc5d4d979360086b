"""Batches copied to a GPU: in which order, and on which streams. The streams are not real, so no GPU is needed."""

from contextlib import contextmanager

import pytest
import torch

from segkit.runtime.copy_stream import CopyStream
from tests.helpers.targets import empty_target, map_target

GPU = torch.device("cuda", 0)


class Stream:
    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def wait_stream(self, other):
        self.calls.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def calls(monkeypatch):
    """What is asked of a GPU that is not there, in order."""
    found = []
    computations = Stream("computations", found)
    current = [computations]

    @contextmanager
    def stream(chosen):
        current.append(chosen)
        yield
        current.pop()

    def to(tensor, device, non_blocking=False):
        assert (device, non_blocking) == (GPU, True)
        found.append(f"copy on {current[-1].name}")
        return tensor.clone()

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream("copies", found))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current[-1])
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, used: found.append(f"keep for {used.name}"))
    return found


def test_a_gpu_copies_on_one_stream_and_computes_on_another(calls):
    images, target = torch.ones(1, 3, 2, 3, dtype=torch.uint8), map_target()
    copied_images, (copied_target,) = CopyStream(GPU).copy(images, [target])
    tensors = 1 + len(target.tensors)
    assert calls == [
        *["copy on copies"] * tensors,
        "computations waits for copies",
        *["keep for computations"] * tensors,
    ]
    assert copied_images.equal(images)
    assert copied_target.segment_map.equal(target.segment_map)


def test_all_batches_are_copied_on_the_same_stream(monkeypatch, calls):
    copies = CopyStream(GPU)
    monkeypatch.setattr(torch.cuda, "Stream", None)
    for _ in range(2):
        copies.copy(torch.zeros(1), [])
    assert calls.count("copy on copies") == 2


def test_a_cpu_has_no_streams(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Stream", None)
    images, targets = torch.zeros(1, 3, 2, 3, dtype=torch.uint8), [map_target(), empty_target(True)]
    copied_images, copied_targets = CopyStream(torch.device("cpu")).copy(images, targets)
    assert copied_images is images
    assert copied_targets[0].segment_map is targets[0].segment_map


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="copies to a GPU")
def test_copies_on_a_gpu():
    copies = CopyStream(GPU)
    for value in range(20):  # the memory of earlier copies is used again
        images = torch.full((4, 3, 256, 256), value, dtype=torch.uint8).pin_memory()
        copied, (target,) = copies.copy(images, [map_target().pin_memory()])
        assert copied.float().square().sum().item() == images.numel() * value**2
        assert target.segment_map.cpu().equal(map_target().segment_map)
