"""`class_weights: auto` becomes weights by name, which the run's config holds."""

import numpy as np
import pytest

from segkit.config import load_config
from segkit.datasets.shapes import NAMES, Shapes
from segkit.registries import AnnotationCounts
from segkit.training.class_weights import balanced, with_class_weights
from segkit.training.train import train
from tests.helpers.tiny import lines_of, write_tiny

AUTO = "criterion.losses.0.class_weights=auto"


def weights(config):
    return config["criterion"]["losses"][0]["class_weights"]


def test_the_square_root_of_the_median_over_the_count():
    assert balanced(np.array([400, 100, 25, 0])) == [0.5, 1.0, 2.0, 1.0]
    assert balanced(np.array([10**9, 10**3, 1])) == [0.1, 1.0, 10.0]
    assert balanced(np.array([0, 0])) == [1.0, 1.0]


@pytest.mark.parametrize(("model", "count"), [("mask_former", "segments"), ("per_pixel", "pixels")])
def test_losses_count_segments_or_pixels(tmp_path, model, count):
    from segkit.data.sampling import sample_dataset

    dataset = Shapes(length=8, size=(64, 64))
    config = load_config(write_tiny(tmp_path, model), [AUTO])
    tally = sample_dataset(dataset).tally
    expected = dict(zip(NAMES, balanced(getattr(tally, count)), strict=True))
    changed = with_class_weights(config, dataset)
    assert weights(changed) == expected
    assert len(set(expected.values())) > 2
    assert weights(config) == "auto"
    assert changed.origin("criterion.losses.0.class_weights") == "<data.train>"


def test_counts_of_all_annotations_come_first(tmp_path):
    class Counted(Shapes):
        def annotation_counts(self, images):
            return AnnotationCounts([4, 1, *[1] * 6], 0, 7)

        def stored_ids(self, index): ...

    config = with_class_weights(load_config(write_tiny(tmp_path), [AUTO]), Counted(length=2))
    assert weights(config) == dict(zip(NAMES, [0.5, *[1.0] * 7], strict=True))


def test_other_configs_stay_as_they_are(tmp_path):
    config = load_config(write_tiny(tmp_path))
    assert with_class_weights(config, None) is config


def test_a_training_takes_them_and_goes_on_with_them(tiny, capsys):
    run = train(load_config(tiny, [AUTO, "training.steps=1"]), "run")
    taken = weights(load_config(run))
    assert taken == weights(with_class_weights(load_config(tiny, [AUTO]), Shapes(length=8, size=(64, 64))))
    train(load_config(tiny, [AUTO, "training.steps=2"]), "run", resume=True)
    assert "changed since" not in capsys.readouterr().out
    plain = train(load_config(tiny, ["training.steps=1"]), "plain")
    assert lines_of(plain)[0]["losses"]["cross_entropy"] != lines_of(run)[0]["losses"]["cross_entropy"]
