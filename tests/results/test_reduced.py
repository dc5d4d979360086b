"""Results of large images at the size in which they are drawn."""

import numpy as np
import torch

from segkit.results import reduced as module
from segkit.results.reduced import reduced
from segkit.types import InstanceResult, LargeInstanceResult, MaskCrop, PanopticResult, PanopticSegment


def masks(count=3, size=(90, 70)):
    generator = np.random.default_rng(0)
    found = np.zeros((count, *size), dtype=bool)
    for mask in found:
        top, left = generator.integers(0, 50, 2)
        mask[top : top + 35, left : left + 18] = generator.random((35, 18))[: size[0] - top, : size[1] - left] > 0.3
    return found


def test_crops_give_what_whole_masks_give():
    whole = masks()
    labels, scores = torch.tensor([0, 1, 0]), torch.tensor([0.9, 0.8, 0.7])
    crops = []
    for mask in whole:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        top, left = rows[0], columns[0]
        crops.append(MaskCrop.of(mask[top : rows[-1] + 1, left : columns[-1] + 1], top, left))
    large = LargeInstanceResult(labels, scores, crops, (90, 70))
    assert torch.equal(large.masks, torch.from_numpy(whole))
    small = [reduced(one, (23, 30)) for one in (large, InstanceResult(labels, scores, large.masks))]
    assert torch.equal(small[0].masks, small[1].masks)
    assert small[0].masks.shape == (3, 30, 23)
    assert small[0].masks.any((1, 2)).all()


def test_only_the_largest_are_drawn(monkeypatch):
    monkeypatch.setattr(module, "MOST_DRAWN", 2)
    segment_map = torch.tensor([[1, 1, 1, 2, 3, 3, 3, 3]], dtype=torch.int32).repeat_interleave(2, 1)
    segments = [PanopticSegment(number, 0, True, 0.5) for number in (1, 2, 3, 4)]
    assert [one.id for one in reduced(PanopticResult(segment_map, segments), (8, 1)).segments] == [1, 3]
    result = InstanceResult(torch.zeros(3).long(), torch.tensor([0.9, 0.8, 0.7]), torch.ones(3, 4, 4).bool())
    assert reduced(result, (2, 2)).scores.tolist() == torch.tensor([0.9, 0.8]).tolist()
