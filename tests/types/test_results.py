"""What people do with results: arrays, boxes, drawings, and what notebooks show."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.errors import SegkitError
from segkit.results.filtering import filter_by_score
from segkit.results.overlay import overlay
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, ResultSource, SemanticResult

CLASSES = Classes.make(["sky", "car", "person"], things=[False, True, True])
SOURCE = ResultSource(torch.full((3, 4, 5), 90, dtype=torch.uint8), CLASSES, overlay)
LABEL_MAP = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 2], [1, 1, 1, 1, 2]])
MASKS = torch.zeros(3, 4, 5, dtype=torch.bool)
MASKS[0, 1:3, 2:5] = True
MASKS[1, 3, 0] = True
SEMANTIC = SemanticResult(LABEL_MAP)
INSTANCE = InstanceResult(torch.tensor([1, 2, 1]), torch.tensor([0.9, 0.8, 0.7]), MASKS)
PANOPTIC = PanopticResult(
    (LABEL_MAP + 1).to(torch.int32) * 2,
    [PanopticSegment(6, 2, True, 0.5), PanopticSegment(2, 0, False, 0.75), PanopticSegment(4, 1, True, 0.25)],
)
RESULTS = [SEMANTIC, INSTANCE, PANOPTIC]


def test_arrays():
    assert np.array_equal(SEMANTIC.numpy()["label_map"], LABEL_MAP)
    arrays = INSTANCE.numpy()
    assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == {
        "labels": (np.int64, (3,)),
        "scores": (np.float32, (3,)),
        "masks": (np.bool_, (3, 4, 5)),
    }
    arrays = PANOPTIC.numpy()
    assert np.array_equal(arrays.pop("segment_map"), PANOPTIC.segment_map)
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "ids": [6, 2, 4],
        "labels": [2, 0, 1],
        "is_thing": [True, False, True],
        "scores": [0.5, 0.75, 0.25],
    }


def test_boxes():
    assert INSTANCE.boxes.tolist() == [[2, 1, 5, 3], [0, 3, 1, 4], [0, 0, 0, 0]]
    assert PANOPTIC.boxes.tolist() == [[4, 2, 5, 4], [0, 0, 5, 2], [0, 2, 4, 4]]
    assert INSTANCE.boxes.dtype == PANOPTIC.boxes.dtype == torch.int64


def test_boxes_of_nothing():
    none = torch.zeros(0, dtype=torch.int64)
    assert InstanceResult(none, torch.zeros(0), torch.zeros(0, 4, 5, dtype=torch.bool)).boxes.shape == (0, 4)
    assert PanopticResult(torch.zeros(4, 5, dtype=torch.int32), []).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("result", "alone", "named"),
    [
        (SEMANTIC, "SemanticResult(4 x 5: 3 classes)", "SemanticResult(4 x 5: sky 50%, car 40%, person 10%)"),
        (INSTANCE, "InstanceResult(4 x 5: 3 instances)", "InstanceResult(4 x 5: 3 instances: 2 car, 1 person)"),
        (PANOPTIC, "PanopticResult(4 x 5: 3 segments)", "PanopticResult(4 x 5: 3 segments: 1 person, 1 sky, 1 car)"),
        (SemanticResult(torch.full((1, 2), 3)), "SemanticResult(1 x 2: 1 class)", "SemanticResult(1 x 2: 1 class)"),
        (
            PanopticResult(torch.zeros(1, 2, dtype=torch.int32), []),
            "PanopticResult(1 x 2: 0 segments)",
            "PanopticResult(1 x 2: 0 segments)",
        ),
    ],
)
def test_the_text_of_a_result_is_short(result, alone, named):
    assert repr(result) == alone
    assert repr(replace(result, source=SOURCE)) == named


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_with_its_image_is_drawn_as_everywhere(result):
    drawn = replace(result, source=SOURCE)
    assert np.array_equal(drawn.plot(), overlay(SOURCE.image, result, CLASSES))
    assert drawn.plot(legend=False).size == (5, 4)
    assert np.array_equal(Image.open(io.BytesIO(drawn._repr_png_())), drawn.plot())


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_alone_cannot_be_drawn(result):
    assert result._repr_png_() is None
    with pytest.raises(SegkitError) as caught:
        result.plot()
    assert str(caught.value) == (
        "plot: only results of segkit.Predictor know their image and the names of their classes. Draw this one with "
        "segkit.results.overlay.overlay(image, result, classes)."
    )


def test_instances_with_high_scores_are_drawn_too():
    assert repr(filter_by_score(replace(INSTANCE, source=SOURCE), 0.85)) == "InstanceResult(4 x 5: 1 instance: 1 car)"
