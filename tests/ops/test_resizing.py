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
    cropped = padded[..., : size.unpadded[0], : size.unpadded[1]]
    return interpolate(cropped, size=size.output, mode="bilinear", align_corners=False)[0]


@pytest.fixture
def logits():
    return torch.randn(5, 16, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("chunk", [1, 3000, 1 << 20])
def test_bands_make_up_the_map_that_interpolate_makes(sizes, chunk, logits, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    bands = []
    for start, stop, band in resizing.output_bands(logits, sizes):
        assert start == sum(before.shape[1] for before in bands)
        assert band.shape == (5, stop - start, sizes.output[1])
        bands.append(band.clone())
        band.fill_(torch.nan)  # it is the caller's, and no other band is made of it

    torch.testing.assert_close(torch.cat(bands, 1), plainly(logits, sizes), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("chunk", [1, 3000, 1 << 20])
def test_bands_of_the_image_resized_are_the_same_chain(sizes, chunk, logits, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    bands = []
    for start, stop, top, image in resizing.unpadded_bands(logits, sizes, 7):
        assert image.shape[2] == sizes.unpadded[1]
        bands.append(resizing.resize_to_output(image, sizes, top, start, stop).clone())
        image.fill_(torch.nan)

    torch.testing.assert_close(torch.cat(bands, 1), plainly(logits, sizes), rtol=0, atol=1e-5)


@pytest.mark.parametrize("output", [(16, 24), (64, 96), (50, 80), (7, 100)], ids=str)
def test_single_pixels_are_those_of_the_whole_map(output, logits):
    expected = interpolate(logits[None], size=output, mode="bilinear", align_corners=False)[0]
    generator = torch.Generator().manual_seed(0)
    rows, columns = (torch.randint(side, (50,), generator=generator) for side in output)
    source = (int(logits.shape[1]), int(logits.shape[2]))

    found = resizing.pixels(source, output, rows, columns, lambda r, c: logits[:, r, c].T)

    torch.testing.assert_close(found, expected[:, rows, columns].T, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("chunk", [1, 3000, 1 << 20])
def test_positive_bands_leave_out_nothing_above_zero(sizes, chunk, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    logits = torch.full((5, 16, 24), -1.0)
    logits[1, 2:5, 3:9] = 1.0
    logits[2] = torch.randn(16, 24, generator=torch.Generator().manual_seed(0))
    logits[4, 15, 23] = 3.0
    expected = plainly(logits, sizes)
    found = torch.full_like(expected, -1.0)

    for start, stop, which, band in resizing.positive_bands(logits, sizes):
        assert set(which.tolist()) <= {1, 2, 4}
        torch.testing.assert_close(band, expected[which, start:stop], rtol=0, atol=1e-5)
        found[which, start:stop] = band

    assert torch.equal(found > 0, expected > 0)


def test_no_map_above_zero_yields_no_band():
    assert list(resizing.positive_bands(torch.zeros(3, 4, 4), SIZES[0])) == []


def test_maps_are_left_as_they_are(logits):
    """Also where nothing is resized, so that a band could be a part of them."""
    before = logits.clone()
    for _, _, band in resizing.output_bands(logits, ImageSizes((16, 24), (16, 24), (16, 24))):
        band.zero_()

    assert torch.equal(logits, before)


def test_half_precision_is_resized_in_float32():
    logits = torch.randn(2, 4, 4).bfloat16()
    sizes = ImageSizes((16, 16), (16, 16), (16, 16))

    ((_, _, rows),) = resizing.output_bands(logits, sizes)

    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, plainly(logits.float(), sizes))


def test_maps_that_want_gradients_are_resized_without(logits):
    ((_, _, rows),) = resizing.output_bands(logits.requires_grad_(), SIZES[0])

    assert not rows.requires_grad


def test_chunks_cover_all_rows_and_stay_within_their_bound():
    chunks = list(resizing.row_chunks(4096, 100 * 4096, torch.device("cpu")))

    assert chunks[0][0] == 0
    assert chunks[-1][1] == 4096
    assert all(before[1] == after[0] for before, after in pairwise(chunks))
    assert max(stop - start for start, stop in chunks) * 100 * 4096 <= resizing.CPU_CHUNK


def test_a_row_larger_than_a_chunk_is_a_chunk():
    assert list(resizing.row_chunks(2, 1 << 30, torch.device("cpu"))) == [(0, 1), (1, 2)]
