"""Semantic inference in bands, against its formula on whole maps."""

import pytest
import torch
from torch.nn.functional import interpolate

from segkit.ops import resizing
from segkit.ops.semantic_inference import class_sum_bands, class_sums, semantic_label_map
from segkit.types import ImageSizes

SIZES = [
    ImageSizes((32, 48), (32, 48), (32, 48)),
    ImageSizes((32, 48), (29, 45), (50, 31)),
    ImageSizes((4, 6), (4, 6), (4, 6)),
]


def on_whole_maps(class_probs, mask_logits, sizes):
    """(K,H,W): the sums, resized to the output."""
    padded = interpolate(mask_logits[None], size=sizes.padded, mode="bilinear", align_corners=False)
    mask_probs = padded[0, :, : sizes.unpadded[0], : sizes.unpadded[1]].sigmoid()
    sums = torch.einsum("qk,qhw->khw", class_probs, mask_probs)
    return interpolate(sums[None], size=sizes.output, mode="bilinear", align_corners=False)[0]


@pytest.mark.parametrize("chunk", [1, 1000, 1 << 20])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_bands_are_those_of_whole_maps(sizes, chunk, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    generator = torch.Generator().manual_seed(0)
    class_probs = torch.randn(7, 6, generator=generator).softmax(-1)[:, :-1]
    mask_logits = 4 * torch.randn(7, 8, 12, generator=generator)
    expected = on_whole_maps(class_probs, mask_logits, sizes)

    row = 0
    for band, sums in class_sum_bands(class_probs.t(), mask_logits, sizes):
        assert band.start == row
        torch.testing.assert_close(sums, expected[:, band], rtol=0, atol=1e-5)
        row = band.stop
    assert row == sizes.output[0]

    label_map = semantic_label_map(class_probs, mask_logits, sizes)
    best, second = expected.topk(2, dim=0).values
    clear = best - second > 1e-5
    assert clear.float().mean() > 0.99
    assert torch.equal(label_map[clear], expected.argmax(0)[clear])


def test_sums_by_hand():
    by_class = torch.tensor([[0.5, 0.25], [0.0, 1.0]])
    mask_probs = torch.tensor([[[1.0, 0.5]], [[0.0, 1.0]]])
    assert class_sums(by_class, mask_probs).tolist() == [[[0.5, 0.5]], [[0.0, 1.0]]]


def test_of_equal_sums_the_first_class():
    mask_logits = torch.zeros(2, 1, 1)
    label_map = semantic_label_map(torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5]]), mask_logits, SIZES[2])
    assert label_map.unique().tolist() == [1]
