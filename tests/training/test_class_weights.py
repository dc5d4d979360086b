"""`class_weights: auto` becomes weights by name, which the run's config holds."""

import numpy as np
import pytest

from segkit.config import load_config
from segkit.config.sections import TrainingSplit
from segkit.data.class_scan import scan_classes
from segkit.datasets.shapes import NAMES, Shapes
from segkit.registries import AnnotationCounts
from segkit.training import training_classes
from segkit.training.class_weights import balanced, with_class_weights
from segkit.training.train import train
from segkit.training.training_classes import TrainingClasses
from tests.helpers.counted import Listed, mapped
from tests.helpers.tiny import lines_of, write_tiny

AUTO = "criterion.losses.0.class_weights=auto"


def weights(config):
    return config["criterion"]["losses"][0]["class_weights"]


def test_the_square_root_of_the_median_over_the_count():
    assert balanced(np.array([400, 100, 25, 0])) == [0.5, 1.0, 2.0, 1.0]
    assert balanced(np.array([10**9, 10**3, 1])) == [0.1, 1.0, 10.0]
    assert balanced(np.array([0, 0])) == [1.0, 1.0]


def from_data(config, dataset, **settings):
    split = TrainingSplit(dataset={}, workers=0, **settings)
    return with_class_weights(config, TrainingClasses(dataset, split))


@pytest.mark.parametrize(("model", "count"), [("mask_former", "segments"), ("per_pixel", "pixels")])
def test_losses_count_segments_or_pixels(tmp_path, model, count):
    dataset = Shapes(length=8, size=(64, 64))
    config = load_config(write_tiny(tmp_path, model), [AUTO])
    tally = scan_classes(dataset, range(8)).tally
    expected = dict(zip(NAMES, balanced(getattr(tally, count)), strict=True))
    changed = from_data(config, dataset)
    assert weights(changed) == expected
    assert len(set(expected.values())) > 2
    assert weights(config) == "auto"
    assert changed.origin("criterion.losses.0.class_weights") == "<data.train>"


def test_counts_of_all_annotations_come_first(tmp_path, monkeypatch):
    class Counted(Shapes):
        def annotation_counts(self, images):
            return AnnotationCounts([4, 1, *[1] * 6], 0, 7)

    monkeypatch.setattr(training_classes, "scan_classes", None)
    config = from_data(load_config(write_tiny(tmp_path), [AUTO]), Counted(length=2))
    assert weights(config) == dict(zip(NAMES, [0.5, *[1.0] * 7], strict=True))


def test_a_thousand_images_are_read_unless_all_must_be(tmp_path, monkeypatch):
    monkeypatch.setattr(training_classes, "MOST_IMAGES", 3)
    config = load_config(write_tiny(tmp_path, "per_pixel"), [AUTO])
    dataset = Listed([mapped([0, 1])] * 9)
    from_data(config, dataset)
    assert len(set(dataset.read)) == len(dataset.read) == 3
    dataset.read.clear()
    classes = TrainingClasses(dataset, TrainingSplit(dataset={}, workers=0, repeat_threshold=0.5))
    with_class_weights(config, classes)
    assert list(classes.of_images) == [[0, 1]] * 9
    assert dataset.read == list(range(9))  # once, for both


def test_other_configs_stay_as_they_are(tmp_path):
    config = load_config(write_tiny(tmp_path))
    assert with_class_weights(config, None) is config


def test_a_training_takes_them_and_goes_on_with_them(tiny, capsys, monkeypatch):
    run = train(load_config(tiny, [AUTO, "training.steps=1"]), "run")
    taken = weights(load_config(run))
    assert taken == weights(from_data(load_config(tiny, [AUTO]), Shapes(length=8, size=(64, 64))))
    with monkeypatch.context() as patch:
        patch.setattr(training_classes, "scan_classes", None)  # a training that goes on has them
        train(load_config(tiny, [AUTO, "training.steps=2"]), "run", resume=True)
    assert "class_weights" not in capsys.readouterr().out
    plain = train(load_config(tiny, ["training.steps=1"]), "plain")
    assert lines_of(plain)[0]["losses"]["cross_entropy"] != lines_of(run)[0]["losses"]["cross_entropy"]
