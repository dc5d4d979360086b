from itertools import pairwise

import pytest
import torch
from torch.nn.functional import interpolate

from segkit.ops import resizing
from segkit.types import ImageSizes

SIZES = [
    ImageSizes((64, 96), (64, 96), (64, 96)),
    ImageSizes((64, 96), (60, 91), (50, 80)),
    ImageSizes((64, 96), (64, 96), (133, 201)),
    ImageSizes((65, 97), (33, 97), (33, 97)),
    ImageSizes((64, 96), (1, 1), (7, 5)),
    ImageSizes((64, 96), (60, 90), (1, 1)),
    ImageSizes((16, 24), (16, 24), (40, 9)),
]


def plainly(logits, size):
    """The chain in whole maps: padded size, crop, output size."""
    padded = interpolate(logits[None], size=size.padded, mode="bilinear", align_corners=False)
    cropped = padded[..., : size.picture[0], : size.picture[1]]
    return interpolate(cropped, size=size.output, mode="bilinear", align_corners=False)[0]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("chunk", [1, 3000, 1 << 20])
def test_bands_make_up_the_map_that_interpolate_makes(sizes, chunk, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    logits = torch.randn(5, 16, 24, generator=torch.Generator().manual_seed(0))

    chunks = list(resizing.output_chunks(5, sizes, logits.device))
    bands = [resizing.output_rows(logits, sizes, start, stop) for start, stop in chunks]

    torch.testing.assert_close(torch.cat(bands, 1), plainly(logits, sizes), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_picture_rows_then_output_rows_are_the_same_chain(sizes):
    logits = torch.randn(5, 16, 24, generator=torch.Generator().manual_seed(0))
    start, stop = sizes.output[0] // 3, sizes.output[0]
    top, bottom = resizing.source_rows(sizes.picture[0], sizes.output[0], start, stop)

    picture = resizing.picture_rows(logits, sizes, top, bottom)
    output = resizing.resize_to_output(picture, sizes, top, start, stop)

    assert picture.shape == (5, bottom - top, sizes.picture[1])
    torch.testing.assert_close(output, plainly(logits, sizes)[:, start:stop], rtol=0, atol=1e-5)


def test_half_precision_is_resized_in_float32():
    logits = torch.randn(2, 4, 4).bfloat16()

    rows = resizing.output_rows(logits, ImageSizes((16, 16), (16, 16), (16, 16)), 0, 16)

    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, plainly(logits.float(), ImageSizes((16, 16), (16, 16), (16, 16))))


def test_chunks_cover_all_rows_and_stay_within_their_bound():
    chunks = list(resizing.row_chunks(4096, 100 * 4096, torch.device("cpu")))

    assert chunks[0][0] == 0
    assert chunks[-1][1] == 4096
    assert all(before[1] == after[0] for before, after in pairwise(chunks))
    assert max(stop - start for start, stop in chunks) * 100 * 4096 <= resizing.CPU_CHUNK


def test_a_row_larger_than_a_chunk_is_a_chunk():
    assert list(resizing.row_chunks(2, 1 << 30, torch.device("cpu"))) == [(0, 1), (1, 2)]
