"""What a model costs, on models small enough to be counted by hand."""

import pytest
import torch
from torch import nn

from segkit.build import build_model
from segkit.config import load_config
from segkit.errors import SegkitError
from segkit.inspection.cost import Cost, analyze
from segkit.types import PixelPrediction, Prediction
from tests.helpers.tiny import write_tiny


class OneConvolution(nn.Module):
    """3 -> 4 channels, 3x3, without bias."""

    size_divisor = 4

    def __init__(self):
        super().__init__()
        self.part = nn.Conv2d(3, 4, kernel_size=3, padding=1, bias=False)

    def forward(self, images):
        return PixelPrediction(self.part(images.float()))


def test_one_convolution():
    analysis = analyze(OneConvolution(), (7, 8))
    # 8 x 8 pixels, 4 channels of 3 x 3 x 3 products each; autograd keeps the input, 3 x 8 x 8 float32.
    expected = Cost(parameters=108, multiply_adds=64 * 4 * 27, activation_bytes=3 * 64 * 4)
    assert analysis.size == (8, 8)
    assert analysis.parts == {"part": expected}
    assert analysis.total == expected


class Chain(nn.Module):
    """A wrapper of two linear layers with a ReLU between, which works in place."""

    size_divisor = 1

    def __init__(self):
        super().__init__()
        self.outer = nn.Sequential(nn.Sequential(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Linear(6, 7, bias=False)))
        self.unused = nn.Linear(2, 2)

    def forward(self, images):
        rows = images.float().sum((1, 2))  # (1, 5)
        embeddings = self.outer(rows)[:, None]
        return Prediction(embeddings, mask_embeddings=embeddings, mask_features=torch.ones(1, 7, 2, 3))


def test_what_is_inside_a_wrapper_and_the_masks():
    analysis = analyze(Chain(), (4, 5))
    assert analysis.parts == {
        "outer": Cost(36 + 42, 30 + 42, 4 * 5 + 4 * 6),
        "outer.0.0": Cost(36, 30, 4 * 5),
        "outer.0.1": Cost(0, 0, 4 * 6),  # kept by the ReLU first; the second layer keeps the same storage
        "outer.0.2": Cost(42, 42, 0),
        "unused": Cost(6, 0, 0),
        "masks": Cost(0, 7 * 2 * 3, 4 * 7 * 6),
    }
    assert analysis.total == Cost(84, 72 + 42, 44 + 168)


def test_a_model_is_left_as_it_was(tmp_path):
    model = build_model(load_config(write_tiny(tmp_path))).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    analysis = analyze(model, (64, 64))
    assert analyze(model, (64, 64)) == analysis  # hooks left behind would count twice
    assert not model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert analysis.total.parameters == sum(parameter.numel() for parameter in model.parameters())
    tops = [cost for name, cost in analysis.parts.items() if "." not in name]
    assert sum(tops, Cost()) == analysis.total


def test_the_kept_memory_is_what_a_real_pass_keeps(tmp_path):
    model = build_model(load_config(write_tiny(tmp_path, "mask_former with transformer_fpn"))).train()
    known = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _ = model(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).mask_logits
    real = sum(tensor.untyped_storage().nbytes() for pointer, tensor in kept.items() if pointer not in known)
    assert abs(analyze(model, (64, 64)).total.activation_bytes / real - 1) < 0.02


class Reading(nn.Module):
    """Reads the values of buffers, and counts its calls in one of them; multiplies by another, which is kept anyway."""

    size_divisor = 1

    def __init__(self, of_image=False):
        super().__init__()
        self.part = nn.Linear(5, 7, bias=False)
        self.register_buffer("chances", torch.tensor([0.0, 1.0]))
        self.register_buffer("calls", torch.tensor(0))
        self.register_buffer("factors", torch.ones(7))
        self.of_image = of_image

    def forward(self, images):
        self.calls += 1
        rows = images.float().sum((1, 2))  # (1, 5)
        times = sum(value > 0.5 for value in self.chances.tolist()) + bool(self.chances.any()) + int(self.calls)
        for _ in range(times if not self.of_image else int(rows.max())):
            found = self.part(rows) * self.factors
        return PixelPrediction(found[..., None, None])


def test_a_model_may_read_its_buffers_which_stay():
    model = Reading()
    analysis = analyze(model, (4, 5))
    assert analysis.total == Cost(parameters=35, multiply_adds=3 * 35, activation_bytes=4 * 5)
    assert model.calls.item() == 0
    assert analyze(model, (4, 5)) == analysis


def test_a_model_that_reads_the_image_is_refused():
    with pytest.raises(SegkitError, match="model Reading cannot be measured: its forward pass depends on values comp"):
        analyze(Reading(of_image=True), (4, 5))
