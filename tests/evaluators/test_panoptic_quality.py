import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.errors import DataError
from segkit.evaluators.panoptic_quality import PanopticQuality
from segkit.results.files import ResultWriter
from segkit.types import NO_SEGMENT, PanopticResult, PanopticSegment, Target

CLASSES = Classes.make(["sky", "car", "person"], things=[False, True, True])


def read_ids(path):
    """(H,W) segment ids of a COCO panoptic PNG."""
    channels = np.asarray(Image.open(path).convert("RGB")).astype(np.int64)
    return torch.from_numpy(channels @ np.array([1, 256, 65536]))


def classes_of(categories):
    return Classes.make(
        [category["name"] for category in categories],
        things=[bool(category["isthing"]) for category in categories],
        ids=[category["id"] for category in categories],
    )


def target_of(ids, segments, classes):
    segment_map = torch.full(ids.shape, NO_SEGMENT, dtype=torch.int32)
    for number, segment in enumerate(segments):
        segment_map[ids == segment["id"]] = number
    labels = [classes.ids.index(segment["category_id"]) for segment in segments]
    crowd = [bool(segment["iscrowd"]) for segment in segments]
    return Target(torch.tensor(labels), segment_map=segment_map, is_crowd=torch.tensor(crowd))


def result_of(ids, segments, classes):
    labels = [classes.ids.index(segment["category_id"]) for segment in segments]
    return PanopticResult(
        ids, [PanopticSegment(segment["id"], label, True, 1.0) for segment, label in zip(segments, labels, strict=True)]
    )


@pytest.fixture(scope="session")
def golden_pairs(shared_golden, shared_data):
    """Class list and (image id, result, target) of the images that the golden metrics are about."""
    target_folder = shared_data / "coco_panoptic_sample" / "annotations"
    annotated = json.loads((target_folder / "panoptic_val2017.json").read_text())
    predictions = json.loads((shared_golden / "panoptic_quality" / "predictions.json").read_text())
    classes = classes_of(annotated["categories"])
    by_image = {annotation["image_id"]: annotation for annotation in annotated["annotations"]}
    pairs = []
    for predicted in predictions["annotations"]:
        annotation = by_image[predicted["image_id"]]
        target_ids = read_ids(target_folder / "panoptic_val2017" / annotation["file_name"])
        ids = read_ids(shared_golden / "panoptic_quality" / "predictions" / predicted["file_name"])
        target = target_of(target_ids, annotation["segments_info"], classes)
        pairs.append((predicted["image_id"], result_of(ids, predicted["segments_info"], classes), target))
    return classes, pairs


def test_equal_to_panopticapi(golden_pairs, shared_golden):
    classes, pairs = golden_pairs
    expected = json.loads((shared_golden / "panoptic_quality" / "expected.json").read_text())
    evaluator = PanopticQuality(classes)

    for image_id, result, target in pairs:
        evaluator.add(result, target, image_id)
    metrics = evaluator.compute()

    assert sorted(expected["image_ids"]) == sorted(image_id for image_id, _, _ in pairs)
    for group, suffix in (("All", ""), ("Things", "_things"), ("Stuff", "_stuff")):
        for name in ("pq", "sq", "rq"):
            assert metrics.values[name + suffix] == pytest.approx(expected[group][name], abs=1e-9)
    for id_, metrics_of_class in expected["per_class"].items():
        class_name = classes.names[classes.ids.index(int(id_))]
        for name, value in metrics_of_class.items():  # panopticapi says 0 for classes that do not occur
            assert np.nan_to_num(metrics.per_class[name][class_name]) == pytest.approx(value, abs=1e-9)


def test_the_written_files_score_the_same(golden_pairs, tmp_path):
    """COCO's panoptic JSON and PNGs, read as panopticapi reads them."""
    classes, pairs = golden_pairs
    in_memory, from_files = PanopticQuality(classes), PanopticQuality(classes)
    with ResultWriter(tmp_path, classes) as writer:
        for image_id, result, target in pairs:
            in_memory.add(result, target, image_id)
            writer.write(result, f"{image_id}.jpg", image_id)

    targets = {image_id: target for image_id, _, target in pairs}
    for predicted in json.loads((tmp_path / "panoptic.json").read_text())["annotations"]:
        ids = read_ids(tmp_path / "panoptic" / predicted["file_name"])
        image_id = predicted["image_id"]
        from_files.add(result_of(ids, predicted["segments_info"], classes), targets[image_id], image_id)

    assert from_files.compute().values == pytest.approx(in_memory.compute().values)


def test_three_processes_are_as_good_as_one(golden_pairs):
    classes, pairs = golden_pairs
    whole, parts = PanopticQuality(classes), [PanopticQuality(classes) for _ in range(3)]
    for index, (image_id, result, target) in enumerate(pairs):
        whole.add(result, target, image_id)
        parts[index % 3].add(result, target, image_id)

    parts[0].merge(parts[1].state())
    parts[0].merge(parts[2].state())

    assert parts[0].compute().values == pytest.approx(whole.compute().values, abs=1e-12)


def test_a_target_as_its_own_prediction_is_perfect(shared_data):
    folder = shared_data / "coco_panoptic_sample" / "panopticapi_examples"
    annotated = json.loads((folder / "panoptic_examples.json").read_text())
    classes = classes_of(annotated["categories"])
    evaluator = PanopticQuality(classes)

    for annotation in annotated["annotations"]:
        ids = read_ids(folder / "panoptic_examples" / annotation["file_name"])
        segments = annotation["segments_info"]
        certain = [segment for segment in segments if not segment["iscrowd"]]
        kept = torch.isin(ids, torch.tensor([segment["id"] for segment in certain]))
        result = result_of(torch.where(kept, ids, 0), certain, classes)
        evaluator.add(result, target_of(ids, segments, classes), annotation["image_id"])

    assert len(annotated["annotations"]) == 2
    assert evaluator.compute().values == pytest.approx(dict.fromkeys(evaluator.compute().values, 1.0))


def one_row(true, labels, predicted, predicted_labels, crowd=None):
    """Counts of one row of pixels: target's segment numbers (-1 void), predicted ids (0 none)."""
    target = Target(
        torch.tensor(labels, dtype=torch.int64),
        segment_map=torch.tensor([true], dtype=torch.int32),
        is_crowd=None if crowd is None else torch.tensor(crowd),
    )
    segments = [PanopticSegment(id_, label, True, 1.0) for id_, label in predicted_labels.items()]
    evaluator = PanopticQuality(CLASSES)
    evaluator.add(PanopticResult(torch.tensor([predicted], dtype=torch.int32), segments), target, "row")
    return {name: counts.tolist() for name, counts in evaluator.state().items()}


def found_missed_imagined(counts):
    """True positives, false negatives and false positives, by class."""
    return counts["true_positives"], counts["false_negatives"], counts["false_positives"]


def test_void_is_left_out_of_the_union():
    counts = one_row([0, 0, 0, -1, -1], [1], [1, 1, 0, 1, 1], {1: 1})

    assert counts["true_positives"] == [0, 1, 0]
    assert counts["iou"] == pytest.approx([0, 2 / 3, 0])


def test_half_is_no_match():
    counts = one_row([0, 0, 0, 0], [1], [1, 1, 0, 0], {1: 1})

    assert found_missed_imagined(counts) == (
        [0, 0, 0],
        [0, 1, 0],
        [0, 1, 0],
    )


def test_another_class_is_a_false_negative_and_a_false_positive():
    counts = one_row([0, 0], [1], [1, 1], {1: 2})

    assert found_missed_imagined(counts) == (
        [0, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
    )


def test_mostly_on_void_is_no_false_positive():
    on_half = one_row([0, 0, -1, -1], [1], [0, 1, 1, 0], {1: 2})
    on_most = one_row([0, 0, -1, -1], [1], [0, 1, 1, 1], {1: 2})

    assert on_half["false_positives"] == [0, 0, 1]
    assert on_most["false_positives"] == [0, 0, 0]


def test_crowds_are_no_false_negatives_and_excuse_predictions_of_their_class():
    same = one_row([0, 0, 0, 1], [2, 0], [1, 1, 1, 0], {1: 2}, crowd=[True, False])
    other = one_row([0, 0, 0, 1], [2, 0], [1, 1, 1, 0], {1: 1}, crowd=[True, False])

    assert found_missed_imagined(same) == (
        [0, 0, 0],
        [1, 0, 0],
        [0, 0, 0],
    )
    assert found_missed_imagined(other) == (
        [0, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
    )


def test_ids_need_not_be_consecutive():
    counts = one_row([0, 1, 1, -1], [1, 2], [70000, 5, 5, 0], {70000: 1, 5: 2})

    assert counts["true_positives"] == [0, 1, 1]


def test_nothing_found_and_nothing_there():
    missed = one_row([0, 0], [1], [0, 0], {})
    imagined = one_row([-1, -1], [], [1, 1], {1: 1})

    assert found_missed_imagined(missed)[1:] == ([0, 1, 0], [0, 0, 0])
    assert found_missed_imagined(imagined)[1:] == ([0, 0, 0], [0, 0, 0])  # all of it on void


def test_means_are_over_the_classes_that_occur():
    evaluator = PanopticQuality(CLASSES)
    target = Target(torch.tensor([0, 1]), segment_map=torch.tensor([[0, 0, 1, 1]], dtype=torch.int32))
    evaluator.add(
        PanopticResult(torch.tensor([[1, 1, 0, 0]], dtype=torch.int32), [PanopticSegment(1, 0, False, 1.0)]), target, 1
    )

    metrics = evaluator.compute()

    assert metrics.values == pytest.approx(
        {
            **{"pq": 0.5, "sq": 0.5, "rq": 0.5},
            **{"pq_things": 0.0, "sq_things": 0.0, "rq_things": 0.0},
            **{"pq_stuff": 1.0, "sq_stuff": 1.0, "rq_stuff": 1.0},
        }
    )
    assert math.isnan(metrics.per_class["pq"]["person"])
    assert math.isnan(PanopticQuality(CLASSES).compute().values["pq"])


def test_an_overlapping_target_is_refused():
    target = Target(torch.tensor([1]), overlapping_masks=torch.ones(1, 2, 2, dtype=torch.bool))

    with pytest.raises(DataError) as error:
        PanopticQuality(CLASSES).add(PanopticResult(torch.zeros(2, 2, dtype=torch.int32), []), target, 7)

    assert str(error.value) == (
        "image 7: panoptic quality needs a target whose segments do not overlap, such as those of 'coco_panoptic'. "
        "For overlapping instances use the evaluator 'average_precision'."
    )
