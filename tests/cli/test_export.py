"""`segkit export`, and `segkit predict` on what it wrote."""

import numpy as np
import pytest
from PIL import Image

from segkit.build import build_model, dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.cli.main import main
from segkit.config import load_config
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint, its file of fixed size, and two images, one of another size."""
    folder = tmp_path_factory.mktemp("export")
    config = load_config(write_tiny(folder))
    save_checkpoint(folder / "last", build_model(config), config, dataset_classes(config))
    (folder / "images").mkdir()
    for name, size in (("a.png", (40, 52)), ("b.png", (64, 64))):
        pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / name)
    words = ["export", str(folder / "last"), "--format", "torch", "--size", "40x52"]
    assert main([*words, "--output", str(folder / "model.pt2")]) == 0
    return folder


def test_predict_with_a_file(folder, tmp_path, capsys):
    words = ["predict", str(folder / "model.pt2"), str(folder / "images"), "--output", str(tmp_path / "out")]
    assert main(words) == 1
    out, errors = capsys.readouterr()
    assert "1 of 2 images segmented (semantic)" in out
    assert errors == (
        f"error: {folder}/images/b.png (64x64): the exported file takes a height of 40 and a width of 52 pixels. "
        "Resize the image, or export the checkpoint for other sizes.\n"
    )
    words = ["predict", str(folder / "last"), str(folder / "images/a.png"), "--output", str(tmp_path / "own")]
    assert main(words) == 0
    assert (tmp_path / "out/semantic/a.png").read_bytes() == (tmp_path / "own/semantic/a.png").read_bytes()


def test_options_that_a_file_has_fixed(folder, tmp_path, capsys):
    words = ["predict", str(folder / "model.pt2"), str(folder / "images"), "--output", str(tmp_path / "out")]
    assert main([*words, "--task", "panoptic", "--window", "32"]) == 2
    assert capsys.readouterr().err == (
        f"error: {folder}/model.pt2: is an exported file, which has its task, precision and sizes, runs on the CPU and "
        "loads no plugins. Leave out: --task, --window.\n"
    )


def test_a_damaged_file(folder, tmp_path, capsys):
    (tmp_path / "damaged.pt2").write_bytes((folder / "model.pt2").read_bytes()[:5000])
    words = ["predict", str(tmp_path / "damaged.pt2"), str(folder / "images"), "--output", str(tmp_path / "out")]
    assert main(words) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: {tmp_path}/damaged.pt2: cannot be read as a program of torch.export (")
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()
