import json

import pytest
import torch
from pycocotools import mask as coco_mask

from segkit.ops.run_length import box_to_xywh, boxes_of, decode_masks, encode_masks, rle_areas, rle_to_json


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


def test_areas_and_boxes_are_those_of_pycocotools(masks):
    rles = encode_masks(masks)

    assert rle_areas(rles) == masks.sum((1, 2)).tolist()
    assert [box_to_xywh(box) for box in boxes_of(masks)] == [coco_mask.toBbox(rle).tolist() for rle in rles]


def test_a_box_ends_behind_the_last_pixel():
    masks = torch.zeros(3, 4, 6, dtype=torch.bool)
    masks[0, 1:3, 2:5] = True
    masks[1, 3, 5] = True

    assert boxes_of(masks).tolist() == [[2, 1, 5, 3], [5, 3, 6, 4], [0, 0, 0, 0]]


def test_no_masks():
    none = torch.zeros(0, 4, 6, dtype=torch.bool)

    assert encode_masks(none) == []
    assert rle_areas([]) == []
    assert decode_masks([], (4, 6)).shape == (0, 4, 6)
    assert boxes_of(none).shape == (0, 4)
