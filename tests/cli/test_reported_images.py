"""Images of public reports that ended a prediction for all files after them, and relatives."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from segkit.build import build_model, dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.cli.main import main
from segkit.config import load_config
from tests.helpers.tiny import write_tiny

COMPRESSED = ("avif", "webp", "jp2", "jpg", "png", "gif", "tif")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    config = load_config(write_tiny(folder), ["postprocessors=[{type: semantic}]"])
    save_checkpoint(folder / "last", build_model(config), config, dataset_classes(config))
    return str(folder / "last")


def test_reported_metadata(checkpoint, shared_cases, tmp_path, capsys):
    """Every file is segmented, upright, whatever its metadata."""
    subprocess.run([sys.executable, "-B", str(shared_cases / "c22_exif.py"), str(tmp_path)], check=True)
    assert main(["predict", checkpoint, str(tmp_path / "c22"), "--output", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert "48 of 48 images segmented" in captured.out
    assert captured.err == ""
    assert {Image.open(file).size for file in (tmp_path / "out/semantic").glob("*good*.png")} == {(48, 64)}


def test_reported_tag(checkpoint, shared_cases, tmp_path, capsys):
    """The file is read; it is too small for this model, and the next one is segmented."""
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copy(shared_cases / "broken_exif.webp", folder)
    Image.new("RGB", (64, 48)).save(folder / "next.png")
    assert main(["predict", checkpoint, str(folder), "--output", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {folder}/broken_exif.webp (12x10): too small for the model. ")
    assert "1 of 2 images segmented" in captured.out


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_files_that_are_cut_off_name_themselves_and_the_others_go_on(checkpoint, tmp_path, capsys, kept):
    folder = tmp_path / "images"
    folder.mkdir()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))
    for suffix in COMPRESSED:
        file = folder / f"a.{suffix}"
        image.save(file)
        data = file.read_bytes()
        file.write_bytes(data[: int(kept * len(data))])
    image.save(folder / "z.png")
    assert main(["predict", checkpoint, str(folder), "--output", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in lines] == [
        f"{folder}/a.{suffix}" for suffix in sorted(COMPRESSED)
    ]
    assert all(line.endswith(" Replace or remove it.") for line in lines)
    assert f"1 of {len(COMPRESSED) + 1} images segmented" in captured.out
