"""The two programs that compute COCO's metrics."""

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segkit.evaluators import _coco_evaluation
from segkit.evaluators._coco_evaluation import ImageRecord, precision_and_recall
from segkit.ops.boundaries import mask_boundaries
from segkit.ops.run_length import encode_masks, rle_areas

NUM_CLASSES = 4


def records(count=25, boundaries=False):
    """Images with rectangles of four classes, crowds among them; results are moved, missing, doubled, often tied."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        size, targets, results = (60, 80), [], []
        for _ in range(random.integers(0, 7)):
            top, left = random.integers(0, 40, 2)
            height, width = random.integers(4, 40, 2)
            mask = torch.zeros(size, dtype=torch.bool)
            mask[top : top + height, left : left + width] = True
            targets.append((int(random.integers(NUM_CLASSES)), mask, bool(random.random() < 0.1)))
        for label, mask, _ in targets * 2:
            if random.random() < 0.7:
                moved = mask.roll(random.integers(-3, 4, 2).tolist(), (0, 1))
                other = int(random.integers(NUM_CLASSES)) if random.random() < 0.2 else label
                results.append((round(float(random.random()), 1), other, moved))
        results.sort(key=lambda one: -one[0])
        target_masks, masks = (
            torch.stack([one[place] for one in listed]) if listed else torch.zeros(0, *size, dtype=torch.bool)
            for place, listed in ((1, targets), (2, results))
        )
        rles, target_rles = encode_masks(masks), encode_masks(target_masks)
        record = ImageRecord(
            size=size,
            target_labels=[one[0] for one in targets],
            target_rles=target_rles,
            target_areas=[float(area) * 9 for area in rle_areas(target_rles)],  # some of every range
            crowd=[one[2] for one in targets],
            labels=[one[1] for one in results],
            scores=[one[0] for one in results],
            rles=rles,
        )
        if boundaries:
            record.target_boundaries = encode_masks(mask_boundaries(target_masks, 0.05))
            record.boundaries = encode_masks(mask_boundaries(masks, 0.05))
        found.append(record)
    return found


@pytest.mark.parametrize("boundaries", [False, True])
def test_both_programs_compute_the_same(boundaries, monkeypatch):
    faster = pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    monkeypatch.setattr(_coco_evaluation, "COCO", faster.COCO)
    monkeypatch.setattr(_coco_evaluation, "COCOeval", faster.COCOeval_faster)
    by_faster = precision_and_recall(records(boundaries=boundaries), NUM_CLASSES)
    monkeypatch.setattr(_coco_evaluation, "COCO", COCO)
    monkeypatch.setattr(_coco_evaluation, "COCOeval", COCOeval)
    by_pycocotools = precision_and_recall(records(boundaries=boundaries), NUM_CLASSES)

    for one, other in zip(by_faster, by_pycocotools, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() < 1e-12
    assert 0.1 < by_faster[0][0].mean() < 0.9


def test_boundaries_only_lower_what_is_found():
    precision, recall = precision_and_recall(records(), NUM_CLASSES)
    boundary_precision, boundary_recall = precision_and_recall(records(boundaries=True), NUM_CLASSES)

    assert (boundary_recall <= recall).all()
    assert 0.05 < boundary_precision[..., 0, 2].mean() < precision[..., 0, 2].mean() - 0.05


def test_nothing_is_printed(capsys):
    precision_and_recall(records(3), NUM_CLASSES)
    assert capsys.readouterr() == ("", "")


def test_no_images():
    precision, recall = precision_and_recall([], NUM_CLASSES)
    assert precision.shape == (10, 101, NUM_CLASSES, 4, 3)
    assert recall.shape == (10, NUM_CLASSES, 4, 3)
    assert (precision == -1).all()
    assert (recall == -1).all()
