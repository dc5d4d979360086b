"""`segkit export`, and `segkit predict` on what it wrote."""

import json

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
        "loads no plugins. Leave out: --task, --window. Or give the checkpoint.\n"
    )


def test_a_damaged_file(folder, tmp_path, capsys):
    (tmp_path / "damaged.pt2").write_bytes((folder / "model.pt2").read_bytes()[:5000])
    words = ["predict", str(tmp_path / "damaged.pt2"), str(folder / "images"), "--output", str(tmp_path / "out")]
    assert main(words) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: {tmp_path}/damaged.pt2: cannot be read as a program of torch.export (")
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_evaluating_a_file(folder, tmp_path, capsys):
    size = "data.val.dataset.size=[40, 52]"
    words = ["test", str(folder / "tiny.yaml"), size, "--checkpoint", str(folder / "model.pt2")]
    assert main([*words, "--output", str(tmp_path / "out"), "--save-predictions"]) == 0
    assert capsys.readouterr().out.endswith(f"metrics, predictions: {tmp_path}/out\n")
    own = ["test", str(folder / "tiny.yaml"), size, "--checkpoint", str(folder / "last")]
    assert main([*own, "--output", str(tmp_path / "own")]) == 0
    found, expected = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("out", "own"))
    assert found == {"mean_iou": expected["mean_iou"]}  # the file has the semantic task alone
    assert len(list((tmp_path / "out/predictions/semantic").iterdir())) == 3


def test_what_the_evaluation_of_a_file_needs(folder, capsys):
    file, config = str(folder / "model.pt2"), str(folder / "tiny.yaml")
    for words, message in (
        ([file], f"an exported file has no config. Write CONFIG --checkpoint {file} --output DIR."),
        ([config, "--checkpoint", file], "an exported file has no folder for the metrics. Give --output."),
        (
            [config, "--checkpoint", file, "--window", "32", "--output", "x"],
            "is an exported file, which has its task, precision and sizes, runs on the CPU and loads no plugins. Leave "
            "out: --window. Or give the checkpoint.",
        ),
    ):
        assert main(["test", *words]) == 2
        assert capsys.readouterr().err == f"error: {file}: {message}\n"
