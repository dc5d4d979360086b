"""Trainings with images that cannot be read."""

import json
import shutil

import pytest
from PIL import Image

from segkit.cli.main import main
from segkit.config import load_config
from segkit.errors import DataError
from segkit.training.state import SavedState
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, lines_of

SKIP = "data.train.on_bad_sample=skip"


@pytest.fixture
def settings(tmp_path):
    """Overrides for a folder of eight images, of which number 5 is damaged."""
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for number in range(8):
        Image.effect_noise((64, 64), 90).convert("RGB").save(tmp_path / "images" / f"{number}.png")
        Image.linear_gradient("L").resize((64, 64)).point(lambda value: value // 128).save(
            tmp_path / "labels" / f"{number}.png"
        )
    damage(tmp_path, 5)
    dataset = {"type": "mask_folder", "images": str(tmp_path / "images"), "labels": str(tmp_path / "labels")}
    return [
        f"data.train.dataset={json.dumps({**dataset, 'classes': ['low', 'high']})}",
        *("data.val=null", "training.steps=6", "training.checkpoint_every=2", "training.keep_checkpoints=9"),
    ]


def damage(folder, number):
    file = folder / "images" / f"{number}.png"
    file.write_bytes(file.read_bytes()[:60])


def bad_samples_of(run):
    return [(line["step"], one) for line in lines_of(run) for one in line.get("bad_samples", [])]


def test_a_bad_sample_stops_a_training_by_default(tiny, settings):
    with pytest.raises(DataError, match=r"images/5\.png: "):
        train(load_config(tiny, settings), device="cpu")


def test_a_bad_sample_is_left_out_named_and_counted(tiny, settings, tmp_path, capsys):
    run = train(load_config(tiny, [*settings, SKIP]), tmp_path / "run", device="cpu")
    found = bad_samples_of(run)
    assert [one["index"] for _, one in found] == [5] * len(found)
    assert len(found) in (1, 2)  # six steps of two: an epoch and a half
    lines = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    step, first = found[0]
    assert lines == [
        f"step {step}: left out: {first['error']} {first['replacement']} takes its place (1 bad image, at most 1)"
    ]
    assert first["error"].startswith(f"{tmp_path}/images/5.png: ")
    assert SavedState(run / "checkpoints/step_6").state.bad_images == [5]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_training_leaves_out_the_same(tiny, settings, tmp_path, workers):
    whole = train(load_config(tiny, [*settings, SKIP]), tmp_path / "whole", device="cpu")
    parted = shutil.copytree(whole, tmp_path / "parted")
    for step in (4, 6):
        shutil.rmtree(parted / "checkpoints" / f"step_{step}")
    config = load_config(tiny, [*settings, SKIP, f"data.train.workers={workers}"])
    resumed = train(config, parted, resume=True, device="cpu")
    assert_equal_weights(resumed / "last", whole / "last")
    assert bad_samples_of(resumed) == bad_samples_of(whole)
    assert SavedState(resumed / "checkpoints/step_6").state.bad_images == [5]


def test_more_than_one_percent_is_an_error(tiny, settings, tmp_path, capsys):
    damage(tmp_path, 2)
    config = load_config(tiny, [*settings, SKIP])
    with pytest.raises(DataError) as caught:
        train(config, tmp_path / "run", device="cpu")
    assert str(caught.value) == (
        "data.train: 2 of 8 images cannot be loaded, more than 1 %. Correct or remove them; 'bad_samples' in "
        "metrics.jsonl names all. Then go on with --resume."
    )
    assert {one["index"] for _, one in bad_samples_of(tmp_path / "run")} == {2, 5}
    with pytest.raises(DataError, match=r"^data\.train: 2 of 8 images"):  # the same again, at the same step
        train(config, tmp_path / "run", resume=True, device="cpu")


def test_the_command_names_all_of_them(tiny, settings, tmp_path, capsys):
    for number in range(8):
        damage(tmp_path, number)
    assert main(["train", str(tiny), *settings, SKIP, "--device", "cpu"]) == 1
    *lines, last = capsys.readouterr().err.splitlines()
    assert {line.removeprefix("error: ").partition(": cannot read")[0] for line in lines} == {
        f"{tmp_path}/images/{number}.png" for number in range(8)
    }
    assert last.startswith("8 of 8 images of data.train that were read are bad.")
