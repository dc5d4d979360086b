"""Linear layers at the full rate of processors on which the matrix library is slow.

On x86, torch computes float32 matrix products with Intel's MKL and convolutions with oneDNN. MKL uses no AVX-512 on
processors of other makers, oneDNN does. AMD's processors from the Zen 5 generation on execute AVX-512 at twice the rate
of AVX2: there, a linear layer written as a convolution with a 1x1 kernel takes about half the time. On Zen 4, whose
AVX-512 is no faster than its AVX2, the ratio is 1.00 (Swin-T forward), so the plain line runs. With one thread, torch
computes convolutions with a 1x1 kernel by MKL too, and nothing is gained: it takes two threads at least.
"""

import re
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from segkit.ops.cpu.processor import CPUINFO, description

ZEN_5 = 26
"""The "cpu family" of AMD's first processors with full-width AVX-512; later ones have larger numbers."""


def linear(values: Tensor, weight: Tensor) -> Tensor:
    """Computes `torch.nn.functional.linear` of (…,I) and (O,I), in the way that is faster on this processor.

    Example:
        >>> linear(torch.ones(2, 3), torch.ones(4, 3)).shape
        torch.Size([2, 4])
    """
    if uses_matrix_library(values) and matrix_library_is_slow():
        return _convolve(values, weight, None)
    return functional.linear(values, weight)


class ConvolvedLinear(nn.Linear):
    """An `nn.Linear` that computes as a 1x1 convolution in float32 on a CPU, and as `nn.Linear` elsewhere.

    Example:
        >>> ConvolvedLinear(3, 4)(torch.ones(2, 3)).shape
        torch.Size([2, 4])
    """

    def forward(self, values: Tensor) -> Tensor:
        """(…,in_features) -> (…,out_features)."""
        return _convolve(values, self.weight, self.bias) if uses_matrix_library(values) else super().forward(values)


def convolve_linear(module: nn.Module) -> None:
    """Turns every `nn.Linear` in `module` into a ConvolvedLinear on processors where that is faster.

    Example:
        >>> convolve_linear(nn.Sequential(nn.Linear(3, 4)))
    """
    if not matrix_library_is_slow():
        return
    for layer in module.modules():
        # Subclasses compute something else. Changing the class keeps the layer's tensors, their names and any
        # references to the layer, which a replacement would not.
        if type(layer) is nn.Linear:
            layer.__class__ = ConvolvedLinear


def uses_matrix_library(values: Tensor) -> bool:
    """Tells whether torch would use MKL: for float32 on a CPU outside autocast."""
    if values.device.type != "cpu" or values.dtype != torch.float32 or values.numel() == 0:
        return False
    return not torch.is_autocast_enabled("cpu")


def _convolve(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # All rows become the pixels of one image; (1, R, 1, I) permuted is its channels-last layout, without a copy.
    pixels = values.reshape(1, 1, -1, values.shape[-1]).permute(0, 3, 1, 2)
    convolved = functional.conv2d(pixels, weight[:, :, None, None], bias)
    return convolved.permute(0, 2, 3, 1).reshape(*values.shape[:-1], len(weight))


@cache
def matrix_library_is_slow(cpuinfo: Path = CPUINFO) -> bool:
    """Tells whether this is a processor whose AVX-512 only oneDNN uses to advantage.

    Args:
        cpuinfo: Linux's description of the processor; where it is missing, the answer is no.
    """
    if not (
        torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
    ):
        return False
    text = description(cpuinfo)
    family = re.search(r"^cpu family\s*: (\d+)", text, re.MULTILINE)
    return "AuthenticAMD" in text and family is not None and int(family[1]) >= ZEN_5
