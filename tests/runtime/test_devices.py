"""The device of a process: given, or decided by Accelerate."""

import pytest
import torch

from segkit.errors import ConfigError
from segkit.runtime.devices import choose_device


def test_a_device_that_is_given():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.skipif(torch.accelerator.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_the_cpu_is_taken():
    assert choose_device() == torch.device("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_is_taken_where_there_is_one():
    assert choose_device() == torch.device("cuda", 0)
    assert choose_device("cuda") == torch.device("cuda", 0)


def test_accelerate_may_be_told_to_use_the_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert choose_device() == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_an_unusable_device_is_one_clear_error(device):
    with pytest.raises(ConfigError) as caught:
        choose_device(device)
    message = str(caught.value)
    assert message.startswith(f"device '{device}' cannot be used here (")
    assert message.endswith("). Use 'cpu', or leave the device out.")
    assert len(message.splitlines()) == 1
