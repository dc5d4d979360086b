"""Trainings that show images of rare classes more often: drawn again, resumed, and on each kind of labels."""

import json
import shutil

import pytest
import torch

from segkit.build import build_dataset
from segkit.config import load_config
from segkit.config.sections import TrainingSplit
from segkit.data.repeat_factors import repeat_factors
from segkit.errors import CheckpointError, DataError
from segkit.training import training_classes
from segkit.training.drawn_step import draw_step
from segkit.training.repeats import factors_of_run
from segkit.training.run_folder import RunFolder
from segkit.training.step import TrainingStep
from segkit.training.train import train
from segkit.training.training_classes import TrainingClasses
from tests.helpers.counted import Listed, instances, mapped
from tests.helpers.tiny import empty_target, lines_of, write_tiny
from tests.test_parts import coco_instance, coco_panoptic, mask_folder

SETTINGS = [
    "data.train.repeat_threshold=0.9",
    "training.steps=6",
    "training.checkpoint_every=2",
    "training.keep_checkpoints=9",
    "data.val=null",
]


def split(**settings):
    return TrainingSplit(**{"dataset": {}, "repeat_threshold": 1.0, "workers": 0, **settings})


def scanned(folder, dataset, **settings):
    folder.mkdir(exist_ok=True)
    chosen = split(**settings)
    return factors_of_run(RunFolder(folder), chosen, TrainingClasses(dataset, chosen), resume=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run, and the files of each of its steps."""
    folder, seen = tmp_path_factory.mktemp("repeats"), []
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, seen)
        run = train(load_config(write_tiny(folder), SETTINGS), folder / "run", device="cpu")
    return run, seen


def watch(patch, seen):
    compute = TrainingStep.compute_gradients
    patch.setattr(
        TrainingStep,
        "compute_gradients",
        lambda self, batches, *at: (
            seen.append([file for batch in batches for file in batch.files]) or compute(self, batches, *at)
        ),
    )


def test_the_factors_are_those_of_the_labels(trained):
    run, seen = trained
    dataset = build_dataset(load_config(run).experiment.data.train)
    labels = [set(dataset[index].target.labels.tolist()) for index in range(len(dataset))]
    factors = json.loads((run / "repeat_factors.json").read_text())
    assert factors == repeat_factors(labels, len(dataset.classes), 0.9)
    assert max(factors) > 1
    assert len(seen) == 6


def test_a_step_is_drawn_as_it_was(trained, tmp_path):
    run, seen = trained
    for step in (1, 6):
        drawn = draw_step(run, step, output=tmp_path / "out", device="cpu")
        assert [one.file for one in drawn.images] == seen[step - 1]


def test_a_resumed_training_goes_on_with_the_same_images_without_a_scan(trained, tmp_path, monkeypatch):
    run, seen = trained
    copy, again = shutil.copytree(run, tmp_path / "run"), []
    for step in (4, 6):
        shutil.rmtree(copy / f"checkpoints/step_{step}")
    watch(monkeypatch, again)
    monkeypatch.setattr(training_classes, "scan_classes", None)
    train(load_config(copy), copy, resume=True, device="cpu")
    assert again == seen[2:]
    assert [line["losses"] for line in lines_of(copy)] == [line["losses"] for line in lines_of(run)]


def test_another_threshold_is_refused_when_it_goes_on(trained):
    run, _ = trained
    with pytest.raises(CheckpointError, match=r"another order of images: data\.train\.repeat_threshold: 0\.9 .* -> 0"):
        train(load_config(run, ["data.train.repeat_threshold=0.5", "training.steps=8"]), run, resume=True, device="cpu")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "[Errno 2] No such file or directory: '{file}'"),
        ("[1.0, 2.0]", "it must list a number of 1 or more for each of the 8 images"),
        ("[1, 1, 1, 1, 1, 1, 1, 0.5]", "it must list a number of 1 or more for each of the 8 images"),
        ("7", "'int' object is not iterable"),
    ],
)
def test_a_missing_or_damaged_file_is_told(trained, tmp_path, content, cause):
    file = shutil.copytree(trained[0], tmp_path / "run") / "repeat_factors.json"
    file.unlink() if content is None else file.write_text(content)
    (file.parent / "SHA256SUMS").unlink()  # as earlier versions left it
    with pytest.raises(CheckpointError) as caught:
        draw_step(file.parent, 1, device="cpu")
    assert str(caught.value) == (
        f"{file}: does not tell how often each image comes ({cause.format(file=file)}), so the order of the images is "
        "unknown. Restore the file, or start a new training with init_from."
    )


def test_damage_that_leaves_numbers_is_found(trained, tmp_path):
    file = shutil.copytree(trained[0], tmp_path / "run") / "repeat_factors.json"
    file.write_text(json.dumps([1.0] * 8))
    with pytest.raises(CheckpointError) as caught:
        draw_step(file.parent, 1, device="cpu")
    assert str(caught.value) == (
        f"{file}: is damaged: its digest differs from SHA256SUMS. Restore it from a copy. If you changed files "
        f"yourself, remove {file.parent}/SHA256SUMS."
    )


def test_crowds_and_segments_without_pixels_are_no_classes(tmp_path):
    targets = [mapped([0, 0]), instances(0, crowds=[1]), empty_target((1, 4)), instances(1)]
    targets.append(instances(0, 1))
    targets[-1].overlapping_masks[1] = False
    often = (5 / 3) ** 0.5
    assert scanned(tmp_path, Listed(targets)) == pytest.approx([often, often, 1, 5**0.5, often])


@pytest.mark.parametrize("part", [mask_folder, coco_instance, coco_panoptic])
def test_kinds_of_labels_alone_and_joined(part, tmp_path, monkeypatch):
    if part is not mask_folder:  # the JSON file tells it
        monkeypatch.setattr(training_classes, "scan_classes", None)
    (tmp_path / "data").mkdir()
    settings = {"type": part.__name__, **part(tmp_path / "data")}
    dataset = build_dataset(split(dataset=settings))
    labels = [classes_of(dataset[index].target) for index in range(len(dataset))]
    expected = repeat_factors(labels, len(dataset.classes), 1.0)
    assert scanned(tmp_path / "alone", dataset) == expected
    joined = build_dataset(split(dataset={"type": "concat", "datasets": [settings, settings]}))
    assert scanned(tmp_path / "joined", joined) == pytest.approx([*expected, *expected])


def classes_of(target):
    is_crowd = torch.zeros(len(target), dtype=torch.bool) if target.is_crowd is None else target.is_crowd
    return set(target.labels[~is_crowd].tolist())


def test_an_image_that_cannot_be_read_stops_or_has_no_class(tmp_path):
    class Broken(Listed):
        def __getitem__(self, index):
            if index == 1:
                raise DataError("1.png: broken.")
            return super().__getitem__(index)

    dataset = Broken([mapped([0, 0])] * 3)
    with pytest.raises(DataError, match=r"^1\.png: broken\.\n1 of 3 images of data\.train are bad\.$"):
        scanned(tmp_path, dataset)
    assert scanned(tmp_path, dataset, on_bad_sample="skip") == pytest.approx([1.5**0.5, 1, 1.5**0.5])


def test_processes_share_the_reading(tmp_path, monkeypatch):
    targets = [mapped([0, 0]), mapped([1, 1]), mapped([0, 1]), mapped([0, 0]), mapped([0, 0])]
    parts, found = [], []
    monkeypatch.setattr(training_classes, "gather", lambda value: parts.append(value) or parts)
    for rank in (0, 1):
        dataset = Listed(targets)
        classes = TrainingClasses(dataset, split(), rank, num_processes=2)
        found = factors_of_run(RunFolder(tmp_path), split(), classes, resume=False, rank=rank)
        assert dataset.read == list(range(rank, 5, 2))
    assert found == scanned(tmp_path / "one", Listed(targets))
