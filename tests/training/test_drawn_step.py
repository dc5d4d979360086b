"""Drawings and losses of a step."""

import json
import re
import shutil

import pytest
import torch
from PIL import Image

from segkit.build import build_criterion, build_dataset
from segkit.checkpoint import load_checkpoint, read_config
from segkit.config import load_config
from segkit.errors import CheckpointError, ConfigError
from segkit.training.batches import batches_of_step
from segkit.training.drawn_step import draw_step, image_losses
from segkit.training.train import train
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    settings = ["data.val=null", "training.accumulate=2", "training.checkpoint_every=1", "training.keep_checkpoints=9"]
    return train(load_config(write_tiny(folder), settings), folder / "run", device="cpu")


def test_a_step_is_drawn_and_listed(run, tmp_path):
    drawn = draw_step(run, 3, output=tmp_path / "out", device="cpu")
    assert drawn.checkpoint == run / "checkpoints/step_2"  # the weights that the step began with
    assert [(one.process, one.batch, one.number) for one in drawn.images] == [
        (0, 0, 0),
        (0, 0, 1),
        (0, 1, 0),
        (0, 1, 1),
    ]
    assert all(one.size == (64, 64) and one.segments > 0 for one in drawn.images)
    written = json.loads((tmp_path / "out/step_3.json").read_text())
    assert (written["step"], written["checkpoint"]) == (3, str(run / "checkpoints/step_2"))
    assert [one["file"] for one in written["images"]] == [one.file for one in drawn.images]
    assert set(written["images"][0]["losses"]) == {"total", "cross_entropy", "focal", "dice"}
    assert Image.open(tmp_path / "out/step_3.png").width > 2 * 384
    assert draw_step(run, 3, output=tmp_path / "again", device="cpu").images == drawn.images


def test_the_loss_of_an_image_is_that_of_a_step_of_it_alone(run):
    checkpoint = load_checkpoint(run / "last", config=read_config(run / "last"))
    criterion = build_criterion(checkpoint.config, checkpoint.classes)
    experiment = checkpoint.config.experiment
    split = experiment.data.train
    batch = batches_of_step(experiment.training, split, build_dataset(split), 16, 1, 1)[0][0]
    found = image_losses(checkpoint, criterion, batch, torch.device("cpu"), "fp32")
    for index, losses in enumerate(found):
        prediction = checkpoint.model(batch.images[index : index + 1])
        report = criterion(prediction, batch.targets[index : index + 1])
        expected = {name: value.item() for name, value in report.named.items() if "/" not in name}
        assert losses == pytest.approx(expected)


def test_files_go_into_the_run_and_the_checkpoint_is_chosen(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    drawn = draw_step(copy, 1, checkpoint=run / "last", device="cpu")
    assert drawn.checkpoint == run / "last"
    assert (drawn.drawing, drawn.table) == (copy / "batches/step_1.png", copy / "batches/step_1.json")
    shutil.rmtree(copy / "checkpoints")
    assert draw_step(copy, 1, device="cpu").checkpoint == copy / "last"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("environment.json", '"num_processes": 1', '"num_processes": 3'), ("config.yaml", "length: 8", "length: 9")],
)
def test_a_changed_file_of_the_run_is_not_read(run, tmp_path, name, before, after):
    file = shutil.copytree(run, tmp_path / "run") / name
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    with pytest.raises(CheckpointError, match=f"^{re.escape(str(file))}: is damaged: its digest differs"):
        draw_step(file.parent, 1, device="cpu")


def test_what_cannot_be_drawn(run, tmp_path):
    message = f"{run}: the training has no step 5. Its steps are 1 to 4."
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        draw_step(run, 5, device="cpu")
    with pytest.raises(CheckpointError) as caught:
        draw_step(run / "last", 1, device="cpu")
    assert str(caught.value) == (
        f"{run}/last/environment.json: does not tell the number of processes ([Errno 2] No such file or directory: "
        f"'{run}/last/environment.json'). Name the folder of a run."
    )
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "config.yaml").write_text((copy / "config.yaml").read_text().replace("length: 8", "length: 9"))
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(CheckpointError) as caught:
        draw_step(copy, 1, device="cpu")
    assert str(caught.value) == (
        f"{copy}/checkpoints/step_4/training_state.pt: the dataset had 8 images and has 9, so the order of the images "
        "is another one. Restore the dataset."
    )
