"""Rows made at once are those of the plain line."""

import pytest
import torch

from segkit.ops.cpu.resizing import lerp_rows
from segkit.ops.resizing import taps


@pytest.mark.parametrize("period", [1, 3, 4, 100])
@pytest.mark.parametrize(("source", "output"), [(8, 32), (8, 24), (9, 31), (32, 8), (1, 5), (7, 1)])
def test_rows_are_those_of_the_plain_line(source, output, period):
    maps = torch.randn(3, source, 5, generator=torch.Generator().manual_seed(0))
    above, below, weight = taps(source, output, 0, output, torch.device("cpu"))

    rows = lerp_rows(maps, above, below, weight, period)

    assert torch.equal(rows, torch.lerp(maps[:, above], maps[:, below], weight[:, None]))


def test_the_result_lies_in_the_scratch_memory_and_reads_none_of_it():
    maps, scratch = torch.ones(2, 4, 3), torch.full((100,), torch.nan)
    above, below, weight = taps(4, 8, 2, 6, torch.device("cpu"))

    rows = lerp_rows(maps, above, below, weight, 2, scratch)

    assert rows.data_ptr() == scratch.data_ptr()
    assert torch.equal(rows, torch.ones(2, 4, 3))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_makes_the_same_rows():
    maps = torch.randn(3, 8, 5)
    taps_of = {device: taps(8, 32, 0, 32, torch.device(device)) for device in ("cpu", "cuda")}

    on_gpu = lerp_rows(maps.cuda(), *taps_of["cuda"], 4)

    torch.testing.assert_close(on_gpu.cpu(), lerp_rows(maps, *taps_of["cpu"], 4))
