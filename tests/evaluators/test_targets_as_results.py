"""The target as its own result is perfect in every metric of every evaluator."""

import math

import pytest
import torch

from segkit.build import build_part
from segkit.datasets.coco_panoptic import CocoPanoptic
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.ops.targets import label_map_of, select_segments
from segkit.registries import DATASETS, EVALUATORS
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, SemanticResult
from tests.helpers.dataset_folders import FORMATS


def result_of(result_type, target, classes):
    """The target as a result, without crowds; pixels of no segment get the first class in a semantic result."""
    crowd = torch.zeros(len(target), dtype=torch.bool) if target.is_crowd is None else target.is_crowd
    if result_type is SemanticResult:
        return SemanticResult(label_map_of(target, void=0))
    single = select_segments(target, ~crowd)
    if result_type is InstanceResult:
        return InstanceResult(single.labels, torch.linspace(1.0, 0.5, len(single)), single.masks)
    if single.segment_map is None:  # refused, whatever the result
        return PanopticResult(torch.zeros(single.size, dtype=torch.int32), [])
    labels = single.labels.tolist()
    segments = [PanopticSegment(k + 1, label, classes.things[label], 1.0) for k, label in enumerate(labels)]
    return PanopticResult((single.segment_map + 1).to(torch.int32), segments)


def assert_perfect(dataset, name):
    evaluator = EVALUATORS.get(name)(dataset.classes)
    for index in range(min(len(dataset), 12)):
        sample = dataset[index]
        result = result_of(evaluator.result_type, sample.target, dataset.classes)
        evaluator.add(result, sample.target, sample.image_id)
    values = evaluator.compute().values
    assert {name for name, value in values.items() if not (math.isnan(value) or value == pytest.approx(1.0))} <= LIMITED
    assert any(value == pytest.approx(1.0) for value in values.values())


NAMES = [entry.name for entry in EVALUATORS.entries() if entry.provider == "segkit"]
LIMITED = {f"{prefix}{name}" for prefix in ("", "boundary_") for name in ("ar1", "ar10")}
"""Recall of 1 and of 10 instances: an image may have more."""


@pytest.mark.parametrize("name", NAMES)
def test_shapes(name):
    assert_perfect(Shapes(length=6, size=(64, 80)), name)


@pytest.mark.parametrize("name", NAMES)
def test_images_of_coco(name, shared_data):
    folder = shared_data / "coco_panoptic_sample"
    annotations = folder / "annotations"
    dataset = CocoPanoptic(
        images=str(folder / "images/val2017"),
        annotations=str(annotations / "panoptic_val2017.json"),
        masks=str(annotations / "panoptic_val2017"),
    )
    assert_perfect(dataset, name)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The datasets of a format, by its name; written once."""
    made = {}

    def datasets_of(name):
        if name not in made:
            settings = FORMATS[name].write(tmp_path_factory.mktemp(name))
            made[name] = [build_part(DATASETS, settings["train"]), build_part(DATASETS, settings["val"])]
            made[name].append(build_part(DATASETS, {"type": "concat", "datasets": list(settings.values())}))
        return made[name]

    return datasets_of


@pytest.mark.filterwarnings("ignore")  # of boxes without masks and the like, which the tests of the datasets are about
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("written", FORMATS)
def test_every_format(written, name, folders):
    for dataset in folders(written):
        maps = [dataset[index].target.segment_map is not None for index in range(len(dataset))]
        if EVALUATORS.get(name).result_type is PanopticResult and not all(maps):
            with pytest.raises(DataError, match="panoptic quality needs a target whose segments do not overlap"):
                assert_perfect(dataset, name)
        else:
            assert_perfect(dataset, name)
