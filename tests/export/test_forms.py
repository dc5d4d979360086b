"""The traceable forms of the postprocessors, against the postprocessors themselves."""

import pytest
import torch

from segkit.classes import Classes
from segkit.errors import ConfigError, ExportError
from segkit.export.tasks import TASKS, task_of
from segkit.postprocessors.instance import Instance
from segkit.postprocessors.panoptic import Panoptic
from segkit.postprocessors.semantic import Semantic
from segkit.types import ImageSizes, PixelPrediction, Prediction

CLASSES = Classes.make(["sky", "sea", "car", "dog"], things=[False, False, True, True])
PADDED, SIZE = (32, 48), (29, 41)


def random_prediction(seed, quality=False, certainty=4.0):
    generator = torch.Generator().manual_seed(seed)
    masks = torch.nn.functional.interpolate(torch.randn(2, 12, 3, 4, generator=generator) * 6, size=(8, 12))
    return Prediction(
        torch.randn(2, 12, 5, generator=generator) * certainty,
        dense_mask_logits=masks,
        mask_quality=torch.rand(2, 12, generator=generator) if quality else None,
    )


def both(postprocessor, prediction):
    """The results of a postprocessor and those of its form, as arrays."""
    expected = postprocessor(prediction, [ImageSizes(PADDED, SIZE, SIZE)] * 2)
    task = task_of(postprocessor, "a task")
    outputs = dict(zip(task.outputs, task.compute(postprocessor, prediction, PADDED, SIZE), strict=True))
    found = [task.read(outputs, image, CLASSES) for image in range(2)]
    return [one.numpy() for one in expected], [one.numpy() for one in found], outputs


def assert_equal(expected, found):
    for one, other in zip(expected, found, strict=True):
        assert one.keys() == other.keys()
        for name, values in one.items():
            assert values.shape == other[name].shape, name
            torch.testing.assert_close(torch.from_numpy(values), torch.from_numpy(other[name]), msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_semantic(seed):
    expected, found, _ = both(Semantic(CLASSES), random_prediction(seed))
    assert_equal(expected, found)


def test_semantic_of_pixels():
    logits = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(0))
    expected, found, _ = both(Semantic(CLASSES), PixelPrediction(logits))
    assert_equal(expected, found)


@pytest.mark.parametrize("settings", [{}, {"score_threshold": 0.3}, {"max_instances": 5}, {"max_instances": 1000}])
@pytest.mark.parametrize("quality", [False, True])
def test_instance(settings, quality):
    for seed in range(4):
        expected, found, outputs = both(Instance(CLASSES, **settings), random_prediction(seed, quality))
        assert sum(len(one["labels"]) for one in expected) > 0
        assert_equal(expected, found)
        beyond = torch.arange(outputs["labels"].shape[1]) >= outputs["num_instances"][:, None]
        assert (outputs["labels"][beyond] == -1).all()
        assert not outputs["scores"][beyond].any()
        assert not outputs["masks"][beyond].any()


@pytest.mark.parametrize(
    "settings",
    [
        {"score_threshold": 0.4, "overlap_threshold": 0.4},
        {"score_threshold": 0.3, "overlap_threshold": 0.0},
        {"score_threshold": 0.0, "overlap_threshold": 0.5},
        {"score_threshold": 0.0, "overlap_threshold": 0.2, "fuse": ["car"]},
        {"score_threshold": 1.0},
    ],
)
@pytest.mark.parametrize("quality", [False, True])
def test_panoptic(settings, quality):
    numbers = []
    for seed in range(6):
        expected, found, outputs = both(Panoptic(CLASSES, **settings), random_prediction(seed, quality))
        assert_equal(expected, found)
        numbers += outputs["num_segments"].tolist()
    assert max(numbers) == 0 if settings.get("score_threshold") == 1.0 else max(numbers) > 1


@pytest.mark.parametrize("name", ["instance", "panoptic"])
def test_pixels_have_no_objects(name):
    postprocessor = {"instance": Instance, "panoptic": Panoptic}[name](CLASSES)
    message = f"^task '{name}': a per-pixel model predicts the class of each pixel, but no objects. Export the task 's"
    with pytest.raises(ConfigError, match=message):
        TASKS[name].compute(postprocessor, PixelPrediction(torch.zeros(1, 4, 8, 12)), PADDED, SIZE)


def test_another_postprocessor_is_named():
    class Own(Semantic):
        pass

    with pytest.raises(ExportError) as error:
        task_of(Own(CLASSES), "own")
    assert str(error.value) == (
        "task 'own': the postprocessor Own has no form that can be traced. Export one of: semantic, instance, panoptic"
    )
