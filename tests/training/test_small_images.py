"""Images of public reports that are too small for a layer: told before the first step, with ways out that work."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from segkit.cli.main import main
from tests.helpers.tiny import write_tiny

COARSE = "model.backbone.options.out_indices=[3, 4]"
"""A coarsest map of 1/32: a single value of an image of 32 x 32."""
PAD = "[{type: pad, size: [64, 64]}]"
TOO_SMALL = "too small for the model. Padded to 32x32 in a batch of 1, a layer gets too few values ("


def dataset(folder):
    return f"{{type: mask_folder, images: {folder}/images, labels: {folder}/labels, classes: [background, object]}}"


def write(folder, height, width):
    """Writes two images of a size, with a rectangle each."""
    for number in range(2):
        ids = np.zeros((height, width), dtype=np.uint8)
        ids[height // 4 : height // 2, width // 4 : width // 2 + number] = 1
        for kind, values in (("images", np.repeat(ids[..., None] * 200, 3, 2)), ("labels", ids)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / kind / f"{number}.png")
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Trains on one folder and evaluates on another, with batches of one image; returns the exit code."""
    monkeypatch.chdir(tmp_path)
    config = str(write_tiny(tmp_path))

    def train(folder, val, *words, output="run"):
        settings = [COARSE, f"data.train.dataset={dataset(folder)}", f"data.val.dataset={dataset(val)}"]
        words = [*settings, "data.train.batch_size=1", "training.steps=1", *words]
        return main(["train", config, "--output", output, *words])

    return train


@pytest.fixture(scope="module")
def tiles(shared_cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiles")
    subprocess.run([sys.executable, "-B", str(shared_cases / "c11_tiny_tiles.py"), str(folder)], check=True)
    return folder


def check_ways_out(run, folder, capsys):
    """Checks that tiles are refused, and that padding them is the way out: in training, evaluation and prediction."""
    assert run(folder, folder) == 1
    captured = capsys.readouterr()
    assert TOO_SMALL in captured.err
    assert captured.err.startswith(f"error: data.val: {folder}/images/")
    assert "step 1" not in captured.out
    assert run(folder, folder, f"data.val.transforms={PAD}") == 1
    message = capsys.readouterr().err
    assert TOO_SMALL in message
    assert "Use larger images or crops, or the transform 'pad', also in data.val.transforms." in message
    assert run(folder, folder, f"data.val.transforms={PAD}", f"data.train.transforms={PAD}", output="padded") == 0
    assert main(["predict", "padded", f"{folder}/images", "--output", "segmented"]) == 0


def test_reported_tiles(run, tiles, capsys):
    check_ways_out(run, tiles / "c11", capsys)


def test_reported_thin_tiles_are_large_enough(run, tiles):
    """1 x 48 pixels are padded to 32 x 64."""
    assert run(tiles / "c11thin", tiles / "c11thin") == 0


def test_icons(run, tmp_path, capsys):
    check_ways_out(run, write(tmp_path / "icons", 16, 16), capsys)


@pytest.mark.parametrize("transforms", ["[{type: random_crop, size: [16, 16]}]", "[{type: resize, size: [32, 32]}]"])
def test_transforms_that_leave_too_little(run, tmp_path, transforms, capsys):
    large = write(tmp_path / "large", 64, 64)
    assert run(large, large, f"data.train.transforms={transforms}") == 1
    captured = capsys.readouterr()
    side = 16 if "crop" in transforms else 32
    assert re.fullmatch(
        rf"error: data\.train: {large}/images/[01]\.png \({side}x{side}\): {re.escape(TOO_SMALL)}Expected more than 1 "
        r"value per channel, got input size torch\.Size\(\[1, \d+, 1, 1\]\)\)\. Use larger images or crops, or the "
        r"transform 'pad', also in data\.val\.transforms\. A larger batch_size or the backbone's freeze_batch_norm can "
        r"help too\.\n",
        captured.err,
    )
    assert "data.train: " not in captured.out  # what is shown before the first step


def test_small_images_among_those_to_evaluate_alone(run, tmp_path, capsys):
    """A training of any length would end at its first evaluation."""
    large, small = write(tmp_path / "large", 64, 64), write(tmp_path / "small", 20, 32)
    assert run(large, small) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: data.val: {small}/images/0.png (32x20): {TOO_SMALL}")
    assert "step 1" not in captured.out
    assert run(large, small, "data.val.transforms=[{type: resize_shortest_edge, sizes: 48}]") == 0


def test_a_prediction_goes_on_with_the_next_image(run, tmp_path, capsys):
    large, small = write(tmp_path / "large", 64, 64), write(tmp_path / "small", 16, 16)
    assert run(large, large) == 0
    capsys.readouterr()
    assert main(["predict", "run", f"{small}/images", f"{large}/images", "--output", "out"]) == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"error: {small}/images/{number}.png (16x16): ") for number, line in enumerate(lines))
    assert "2 of 4 images segmented" in captured.out
