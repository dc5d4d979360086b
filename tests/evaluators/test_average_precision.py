import json
import math

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segkit.classes import Classes
from segkit.evaluators.average_precision import AveragePrecision
from segkit.ops.run_length import decode_masks, encode_masks
from segkit.results.files import ResultWriter
from segkit.types import InstanceResult, Target

IN_COCOS_ORDER = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar", "ar_small", "ar_medium", "ar_large"),
)
CLASSES = Classes.make(["sky", "car", "person"], things=[False, True, True])


def result_of(masks, labels, scores):
    return InstanceResult(torch.tensor(labels, dtype=torch.int64), torch.tensor(scores), masks)


def square(top, left, side, size=(40, 40)):
    mask = torch.zeros(size, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    return mask


@pytest.fixture(scope="session")
def disturbed_sample(shared_data):
    """COCO's annotations of the sample's val2017 with shifted, doubled, missed and misnamed copies as results."""
    file = shared_data / "coco_panoptic_sample" / "annotations" / "instances_val2017.json"
    coco = COCO()
    coco.dataset = json.loads(file.read_text())
    coco.createIndex()
    categories = coco.dataset["categories"]
    classes = Classes.make([one["name"] for one in categories], ids=[one["id"] for one in categories])
    random = np.random.default_rng(0)
    images = []
    for image_id in sorted(coco.imgs)[:50]:
        annotations = coco.loadAnns(coco.getAnnIds(image_id))
        size = (coco.imgs[image_id]["height"], coco.imgs[image_id]["width"])
        masks = decode_masks([one["segmentation"] for one in annotations], size)
        labels = [classes.ids.index(one["category_id"]) for one in annotations]
        target = Target(
            torch.tensor(labels, dtype=torch.int64),
            overlapping_masks=masks,
            is_crowd=torch.tensor([bool(one["iscrowd"]) for one in annotations], dtype=torch.bool),
            areas=torch.tensor([float(one["area"]) for one in annotations]),
        )
        chosen = random.integers(0, len(masks), size=len(masks) * 3 // 2) if len(masks) else []
        shifts = random.integers(-6, 7, size=(len(chosen), 2)).tolist()
        moved = [masks[index].roll(shift, (0, 1)) for index, shift in zip(chosen, shifts, strict=True)]
        found = [labels[index] if random.random() < 0.8 else int(random.integers(80)) for index in chosen]
        result = result_of(
            torch.stack(moved) if moved else torch.zeros(0, *size, dtype=torch.bool),
            found,
            random.random(len(chosen)).astype(np.float32).tolist(),
        )
        images.append((image_id, result, target))
    return coco, classes, images


def test_equal_to_pycocotools_on_the_files(disturbed_sample, capsys):
    coco, classes, images = disturbed_sample
    evaluator = AveragePrecision(classes)
    for image_id, result, target in images:
        evaluator.add(result, target, image_id)
    capsys.readouterr()

    metrics = evaluator.compute()

    assert capsys.readouterr().out == ""
    results = [
        {"image_id": image_id, "category_id": classes.ids[label], "segmentation": rle, "score": score}
        for image_id, result, _ in images
        for label, rle, score in zip(
            result.labels.tolist(), encode_masks(result.masks), result.scores.tolist(), strict=True
        )
    ]
    direct = COCOeval(coco, coco.loadRes(results), "segm")
    direct.params.imgIds = [image_id for image_id, _, _ in images]
    direct.evaluate()
    direct.accumulate()
    direct.summarize()
    assert [metrics.values[name] for name in IN_COCOS_ORDER] == pytest.approx(direct.stats.tolist(), abs=1e-12)
    assert 0.05 < metrics.values["ap"] < 0.95
    for index, name in enumerate(classes.names):
        theirs = direct.eval["precision"][:, :, index, 0, -1]
        theirs = theirs[theirs > -1]
        expected = theirs.mean() if theirs.size else math.nan
        assert metrics.per_class["ap"][name] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        of_small = direct.eval["recall"][:, index, 1, -1]
        expected = of_small.mean() if (of_small > -1).all() else math.nan
        assert metrics.per_class["ar_small"][name] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def tied(result):
    """Returns a result with many equal scores."""
    scores = (4 * result.scores).round() / 4
    order = scores.argsort(descending=True, stable=True)
    return InstanceResult(result.labels[order], scores[order], result.masks[order])


def test_the_written_file_scores_the_same_in_pycocotools(disturbed_sample, tmp_path, capsys):
    """Also by size, and with many equal scores, in whatever order the images come."""
    coco, classes, images = disturbed_sample
    evaluator = AveragePrecision(classes)
    with ResultWriter(tmp_path, classes) as writer:
        for image_id, result, target in reversed(images):
            evaluator.add(tied(result), target, image_id)
            writer.write(tied(result), f"{image_id}.jpg", image_id)
    direct = COCOeval(coco, coco.loadRes(str(tmp_path / "instances.json")), "segm")
    direct.params.imgIds = [image_id for image_id, _, _ in images]
    direct.evaluate()
    direct.accumulate()
    direct.summarize()
    values = evaluator.compute().values
    assert [values[name] for name in IN_COCOS_ORDER] == pytest.approx(direct.stats.tolist(), abs=1e-12)


def test_the_order_of_images_has_no_effect():
    """Instances of one score, some right and some wrong: precision depends on which come first."""
    mask, elsewhere = square(0, 0, 20)[None], square(20, 20, 15)[None]
    images = [(image_id, mask if image_id in (2, 9, "b") else elsewhere) for image_id in (1, 2, 9, 10, "a", "b")]
    target = Target(torch.tensor([1]), overlapping_masks=mask)
    found = []
    for order in (images, images[::-1], images[3:] + images[:3]):
        evaluator = AveragePrecision(CLASSES)
        for image_id, masks in order:
            evaluator.add(result_of(masks, [1], [0.5]), target, image_id)
        found.append(evaluator.compute().values["ap50"])
    # By id, the right ones are the 2nd, 3rd and 6th. So the precision is 2/3 up to a recall of 2/6, and 1/2 up to 3/6.
    assert found == pytest.approx([(34 * 2 / 3 + 17 / 2) / 101] * 3)


def test_two_processes_are_as_good_as_one(disturbed_sample):
    _, classes, images = disturbed_sample
    first, second, whole = (AveragePrecision(classes) for _ in range(3))
    for index, (image_id, result, target) in enumerate(images[:20]):
        whole.add(result, target, image_id)
        (first, second)[index % 2].add(result, target, image_id)
    second.add(*images[0][1:], images[0][0])  # an image that both were given counts once

    first.merge(second.state())

    assert first.compute().values == pytest.approx(whole.compute().values, abs=1e-12)


def test_stuff_is_left_out():
    masks = torch.stack([square(0, 0, 20), square(20, 20, 15)])
    evaluator = AveragePrecision(CLASSES)

    evaluator.add(result_of(masks, [0, 1], [0.9, 0.8]), Target(torch.tensor([0, 1]), overlapping_masks=masks), "street")
    metrics = evaluator.compute()

    assert metrics.values["ap"] == pytest.approx(1.0)
    assert math.isnan(metrics.per_class["ap"]["sky"])
    assert metrics.per_class["ap"]["car"] == pytest.approx(1.0)


def test_one_of_two_is_found():
    """Two cars, one found: precision 1 up to a recall of a half, 51 of COCO's 101 recall levels."""
    masks = torch.stack([square(0, 0, 20), square(20, 20, 15)])
    evaluator = AveragePrecision(CLASSES)

    evaluator.add(result_of(masks[:1], [1], [0.9]), Target(torch.tensor([1, 1]), overlapping_masks=masks), 1)

    assert evaluator.compute().values["ap"] == pytest.approx(51 / 101)
    assert evaluator.compute().values["ar"] == pytest.approx(0.5)


def test_a_crowd_is_neither_found_nor_missed():
    masks = torch.stack([square(0, 0, 10), square(15, 15, 25)])
    target = Target(torch.tensor([1, 1]), overlapping_masks=masks, is_crowd=torch.tensor([False, True]))
    evaluator = AveragePrecision(CLASSES)

    inside_crowd = square(20, 20, 10)
    evaluator.add(result_of(torch.stack([inside_crowd, masks[0]]), [1, 1], [0.9, 0.8]), target, 1)

    assert evaluator.compute().values["ap"] == pytest.approx(1.0)


def test_the_annotations_own_areas_decide_about_size():
    mask = square(0, 0, 20)[None]  # 400 pixels: small by its pixels
    by_pixels, by_area = AveragePrecision(CLASSES), AveragePrecision(CLASSES)

    by_pixels.add(result_of(mask, [1], [0.9]), Target(torch.tensor([1]), overlapping_masks=mask), 1)
    by_area.add(
        result_of(mask, [1], [0.9]),
        Target(torch.tensor([1]), overlapping_masks=mask, areas=torch.tensor([2000.0])),
        1,
    )

    assert by_pixels.compute().values["ap_small"] == pytest.approx(1.0)
    assert by_area.compute().values["ap_medium"] == pytest.approx(1.0)


def test_no_segments_no_results_no_images():
    none = torch.zeros(0, 40, 40, dtype=torch.bool)
    labels = torch.zeros(0, dtype=torch.int64)
    evaluator = AveragePrecision(CLASSES)

    assert all(math.isnan(value) for value in evaluator.compute().values.values())
    evaluator.add(result_of(none, [], []), Target(labels, overlapping_masks=none), 1)
    assert all(math.isnan(value) for value in evaluator.compute().values.values())
    evaluator.add(result_of(none, [], []), Target(torch.tensor([1]), overlapping_masks=square(0, 0, 9)[None]), 2)
    assert evaluator.compute().values["ap"] == 0.0


def test_only_run_lengths_are_kept():
    evaluator = AveragePrecision(CLASSES)
    masks = square(0, 0, 500, size=(1000, 1000))[None].repeat(10, 1, 1)

    evaluator.add(result_of(masks, [1] * 10, [0.5] * 10), Target(torch.tensor([1]), overlapping_masks=masks[:1]), 1)

    (record,) = evaluator.state().values()
    assert sum(len(rle["counts"]) for rle in record.rles) < 20000
