import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from segkit.ops.cpu import linear
from segkit.ops.cpu.linear import ConvolvedLinear, convolve_linear, matrix_library_is_slow


@pytest.fixture
def slow_matrix_library(monkeypatch):
    """A machine on which convolutions are faster."""
    monkeypatch.setattr(linear, "matrix_library_is_slow", lambda: True)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7,), (5, 7), (2, 3, 7), (2, 4, 5, 7), (0, 7)])
def test_values_and_gradients_are_those_of_a_linear_layer(slow_matrix_library, shape, bias):
    plain = nn.Linear(7, 6, bias=bias)
    convolved = copy.deepcopy(plain)
    convolve_linear(convolved)
    assert type(convolved) is ConvolvedLinear
    values = torch.randn(shape)
    weights = torch.randn(*shape[:-1], 6)
    found = []
    for layer in (plain, convolved):
        own = values.clone().requires_grad_()
        result = layer(own)
        (result * weights).sum().backward()
        found.append([result, own.grad, *[parameter.grad for parameter in layer.parameters()]])
    assert_close(*found)


def test_values_that_are_not_contiguous(slow_matrix_library):
    plain = nn.Linear(7, 6)
    values = torch.randn(7, 3, 5).permute(1, 2, 0)
    expected = plain(values)
    convolve_linear(plain)
    assert_close(plain(values), expected)


def test_the_convolution_is_what_runs_in_float32_alone(slow_matrix_library, monkeypatch):
    calls = []
    convolve = linear.functional.conv2d
    monkeypatch.setattr(linear.functional, "conv2d", lambda *a: calls.append(1) or convolve(*a))
    layer = nn.Linear(7, 6)
    convolve_linear(layer)
    layer(torch.randn(2, 7))
    assert len(calls) == 1
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(2, 7)).dtype == torch.bfloat16
    layer.double()(torch.randn(2, 7, dtype=torch.float64))
    assert len(calls) == 1


def test_tensors_keep_their_names_and_other_layers_their_class(slow_matrix_library):
    class Own(nn.Linear):
        pass

    module = nn.Sequential(nn.Linear(3, 4), Own(4, 4), nn.Conv2d(1, 1, 1))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    convolve_linear(module)
    assert [type(layer) for layer in module] == [ConvolvedLinear, Own, nn.Conv2d]
    assert_close(dict(module.state_dict()), before)


def test_no_layer_changes_where_the_matrix_library_is_fast(monkeypatch):
    monkeypatch.setattr(linear, "matrix_library_is_slow", lambda: False)
    module = nn.Sequential(nn.Linear(3, 4))
    convolve_linear(module)
    assert type(module[0]) is nn.Linear


ZEN_5 = "vendor_id\t: AuthenticAMD\ncpu family\t: 26\n"
ZEN_4 = "vendor_id\t: AuthenticAMD\ncpu family\t: 25\n"
INTEL = "vendor_id\t: GenuineIntel\ncpu family\t: 26\n"


@pytest.mark.parametrize(
    ("capability", "processor", "slow"),
    [
        ("AVX512", ZEN_5, True),
        ("AVX512", ZEN_4, False),
        ("AVX512", INTEL, False),
        ("AVX512", "vendor_id\t: AuthenticAMD", False),
        ("AVX2", ZEN_5, False),
        ("AVX512", None, False),
    ],
)
def test_on_which_machines_the_matrix_library_is_slow(monkeypatch, tmp_path, capability, processor, slow):
    cpuinfo = tmp_path / "cpuinfo"
    if processor is not None:
        cpuinfo.write_text(processor)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert matrix_library_is_slow(cpuinfo) is slow


@pytest.mark.parametrize("slow", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_product_is_the_same_either_way(monkeypatch, slow, dtype):
    monkeypatch.setattr(linear, "matrix_library_is_slow", lambda: slow)
    values, weight = torch.randn(7, 11).T.to(dtype), torch.randn(5, 7).to(dtype)
    found = linear.linear(values, weight)
    assert found.dtype == dtype
    assert_close(found, values @ weight.T)
