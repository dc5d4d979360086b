import json

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from segkit.errors import DataError
from segkit.ops.run_length import (
    decode_masks,
    encode_crop,
    encode_masks,
    rle_areas,
    rle_to_json,
    unpacked_runs,
)


@pytest.fixture
def masks():
    return torch.rand(7, 13, 21, generator=torch.Generator().manual_seed(0)) < 0.3


def test_pycocotools_decodes_to_the_mask(masks):
    rles = encode_masks(masks)

    assert [rle["size"] for rle in rles] == [[13, 21]] * 7
    for rle, mask in zip(rles, masks, strict=True):
        assert torch.equal(torch.from_numpy(coco_mask.decode(rle)).bool(), mask)


def test_decoding_reverses_encoding_also_through_json(masks):
    through_json = json.loads(json.dumps([rle_to_json(rle) for rle in encode_masks(masks)]))

    assert torch.equal(decode_masks(through_json, (13, 21)), masks)


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 1.0])
def test_runs_are_unpacked_as_they_are_in_the_mask(fraction):
    mask = torch.rand(1, 200, 300, generator=torch.Generator().manual_seed(0)) < fraction
    flat = mask[0].t().flatten().int()
    changes = (flat[1:] != flat[:-1]).nonzero().flatten() + 1
    runs = torch.diff(changes, prepend=torch.tensor([0]), append=torch.tensor([len(flat)])).tolist()

    assert unpacked_runs(encode_masks(mask)[0]["counts"]).tolist() == ([0] if flat[0] else []) + runs


def test_masks_that_lie_transposed_in_memory(masks):
    assert encode_masks(masks.transpose(1, 2).contiguous().transpose(1, 2)) == encode_masks(masks)


@pytest.mark.parametrize("name", ["str", "bytes"])
def test_runs_that_do_not_fill_the_mask(name, masks):
    """pycocotools decodes them without a word: what is missing stays as it was in memory."""
    rles = encode_masks(masks)
    runs = unpacked_runs(rles[2]["counts"])[:-3].tolist()
    short = coco_mask.frPyObjects({"size": [13, 21], "counts": runs}, 13, 21)
    rles[2] = rle_to_json(short) if name == "str" else short

    with pytest.raises(DataError) as error:
        decode_masks(rles, (13, 21))

    assert str(error.value) == (
        f"run lengths 3 of 7: the counts add up to {sum(runs)} pixels, but a mask of 13 x 21 (height, width) has 273. "
        "They are cut off or of another mask: encode it again."
    )


def test_runs_of_negative_length():
    """4, 1, 3, -2: they add up, and the last stands there as its difference from 1."""
    with pytest.raises(DataError) as error:
        decode_masks([{"size": [2, 3], "counts": "413M"}], (2, 3))

    assert str(error.value) == (
        "run lengths 1 of 1: the counts have a run of -2 pixels, but a mask of 2 x 3 (height, width) has 6. "
        "They are cut off or of another mask: encode it again."
    )


@pytest.mark.parametrize("counts", ["", b"", "o", "6\u00e4", "\x1f", "oooooooo0"])
def test_what_is_no_compressed_run_length(counts):
    with pytest.raises(DataError) as error:
        decode_masks([{"size": [2, 3], "counts": counts}], (2, 3))

    assert str(error.value) == (
        "run lengths 1 of 1: the counts cannot be read, but a mask of 2 x 3 (height, width) has 6. "
        "They are cut off or of another mask: encode it again."
    )


def test_run_lengths_of_another_size(masks):
    with pytest.raises(DataError) as error:
        decode_masks(encode_masks(masks), (21, 13))

    assert str(error.value) == (
        "run lengths 1 of 7: they are of size [13, 21], but the mask is [21, 13] (height, width). "
        "Take both from one release, or encode the mask again."
    )


def test_areas_are_those_of_the_masks(masks):
    rles = encode_masks(masks)

    assert rle_areas(rles) == masks.sum((1, 2)).tolist()


def test_no_masks():
    none = torch.zeros(0, 4, 6, dtype=torch.bool)

    assert encode_masks(none) == []
    assert rle_areas([]) == []
    assert decode_masks([], (4, 6)).shape == (0, 4, 6)


@pytest.mark.parametrize("corner", [(0, 0), (3, 2), (4, 5)])
@pytest.mark.parametrize("threshold", [0.5, -1, 2])
def test_a_crop_is_encoded_as_its_mask(corner, threshold):
    """Also where it fills whole columns, ends with the image, or is empty."""
    size = (10, 9)
    top, left = corner
    crop = np.random.default_rng(0).random((size[0] - top, 4)) > threshold
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[0, top:, left : left + 4] = torch.from_numpy(crop)
    assert encode_crop(crop, top, left, size) == encode_masks(mask)[0]
