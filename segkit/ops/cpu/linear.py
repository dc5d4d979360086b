"""Linear layers at the full rate of processors that the matrix library holds back.

On x86 torch leaves float32 matrix products to Intel's MKL and convolutions to oneDNN. MKL takes no AVX-512 on another
maker's processor, oneDNN does: there a linear layer, put as a convolution with a 1x1 kernel, takes half the time.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

_PROCESSOR = Path("/proc/cpuinfo")


def linear(values: Tensor, weight: Tensor) -> Tensor:
    """(…,I), (O,I) -> (…,O): the matrix product of `torch.nn.functional.linear`, however it is quicker."""
    if _is_plain_float(values) and _matrix_library_is_held_back():
        return _convolved(values, weight, None)
    return functional.linear(values, weight)


class ConvolvedLinear(nn.Linear):
    """An `nn.Linear` that computes as a 1x1 convolution in float32 on a CPU, and as ever elsewhere."""

    def forward(self, values: Tensor) -> Tensor:
        """(…,in_features) -> (…,out_features)."""
        return _convolved(values, self.weight, self.bias) if _is_plain_float(values) else super().forward(values)


def _is_plain_float(values: Tensor) -> bool:
    """Where MKL would be asked."""
    if values.device.type != "cpu" or values.dtype != torch.float32 or values.numel() == 0:
        return False
    return not torch.is_autocast_enabled("cpu")


def _convolved(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    pixels = values.reshape(1, 1, -1, values.shape[-1]).permute(0, 3, 1, 2)  # channels last in memory
    convolved = functional.conv2d(pixels, weight[:, :, None, None], bias)
    return convolved.permute(0, 2, 3, 1).reshape(*values.shape[:-1], len(weight))


def convolve_linear(module: nn.Module) -> None:
    """Makes every `nn.Linear` in `module` a ConvolvedLinear where that pays, its tensors and their names unchanged."""
    if _matrix_library_is_held_back():
        for layer in module.modules():
            if type(layer) is nn.Linear:
                layer.__class__ = ConvolvedLinear


@cache
def _matrix_library_is_held_back() -> bool:
    return (
        torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and _PROCESSOR.is_file()
        and "AuthenticAMD" in _PROCESSOR.read_text()
    )
