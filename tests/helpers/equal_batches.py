"""Batches that are equal to the last bit."""

import torch


def assert_equal_batches(ours, theirs):
    assert [batch.files for batch in ours] == [batch.files for batch in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.images, other.images)
        assert (one.sizes, one.image_ids) == (other.sizes, other.image_ids)
        for target, same in zip(one.targets, other.targets, strict=True):
            assert torch.equal(target.labels, same.labels)
            assert torch.equal(target.segment_map, same.segment_map)
            assert (target.valid is None) == (same.valid is None)
            assert target.valid is None or torch.equal(target.valid, same.valid)
