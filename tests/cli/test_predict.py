"""`segkit predict` on files, folders and globs, with good and bad images among them."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from segkit.build import build_model, dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.cli.main import main
from segkit.cli.predict import images_in
from segkit.config import load_config
from segkit.errors import DataError
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of random weights, of all three tasks."""
    folder = tmp_path_factory.mktemp("checkpoint")
    config = load_config(write_tiny(folder), ["postprocessors=[{type: semantic}, {type: panoptic}, {type: instance}]"])
    save_checkpoint(folder / "last", build_model(config), config, dataset_classes(config))
    return str(folder / "last")


@pytest.fixture
def images(tmp_path):
    """Three images of unlike sizes, a text file beside them and a folder inside."""
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, size in (("a.png", (40, 50)), ("b.JPG", (64, 64)), ("deep/a.png", (33, 70))):
        Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder(checkpoint, images, tmp_path, capsys):
    assert main(["predict", checkpoint, str(images), "--output", str(tmp_path / "out")]) == 0
    assert files_under(tmp_path / "out") == [
        "manifest_semantic.jsonl",
        "overlays/a_semantic.png",
        "overlays/b_semantic.png",
        "semantic/a.png",
        "semantic/b.png",
    ]
    assert Image.open(tmp_path / "out/semantic/a.png").size == (50, 40)
    assert re.search(r"^2 of 2 images segmented \(semantic\), \d+\.\d\d images/s: \S+/out\n$", capsys.readouterr().out)


def test_images_of_one_name_are_told_apart(checkpoint, images, tmp_path, capsys):
    Image.open(images / "a.png").save(images / "a.tif")
    inputs = [str(images / name) for name in ("a.png", "a.tif", "deep/a.png")]
    out = tmp_path / "out"
    assert main(["predict", checkpoint, *inputs, "--output", str(out)]) == 0
    assert capsys.readouterr().out.startswith(
        f"images of one name: the results of {images}/a.tif are called images_a; {out}/manifest_semantic.jsonl tells "
        "all 2\n3 of 3 images segmented"
    )


def test_hidden_images_are_told(images):
    (images / ".c.png").touch()
    with pytest.warns(UserWarning, match=r"1 hidden image: \.c\.png\."):
        found = list(images_in([str(images)]))
    assert f"{images}/.c.png" not in found


def test_a_glob_a_folder_and_a_file(checkpoint, images, tmp_path):
    inputs = [str(images / "**/*.png"), str(images), str(images / "b.JPG")]
    assert main(["predict", checkpoint, *inputs, "--output", str(tmp_path / "out"), "--batch-size", "2"]) == 0
    assert files_under(tmp_path / "out/semantic") == ["a.png", "b.png", "deep_a.png"]


@pytest.mark.parametrize(
    ("task", "results"),
    [("panoptic", ["panoptic.json", "panoptic/a.png"]), ("instance", ["instances.json"])],
)
def test_other_tasks(checkpoint, images, tmp_path, task, results):
    output = tmp_path / "out"
    arguments = ["--task", task, "--score-threshold", "0", "--output", str(output)]
    assert main(["predict", checkpoint, str(images / "a.png"), *arguments]) == 0
    assert files_under(output) == sorted([*results, f"overlays/a_{task}.png", f"manifest_{task}.jsonl"])
    json.loads((output / results[0]).read_text())


def test_another_task_is_written_beside_the_first_and_the_same_is_refused(checkpoint, images, tmp_path, capsys):
    words = ["predict", checkpoint, str(images / "a.png"), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    assert main([*words, "--task", "panoptic"]) == 0
    assert files_under(tmp_path / "out/overlays") == ["a_panoptic.png", "a_semantic.png"]
    capsys.readouterr()
    assert main(words) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/out: holds semantic results already (semantic). Go on with --resume, give another "
        "--output, or remove them.\n"
    )


def test_bad_images_are_reported_and_the_others_segmented(checkpoint, images, tmp_path, capsys):
    (images / "broken.png").write_bytes((images / "a.png").read_bytes()[:60])
    (images / "text.png").write_text("no image")
    assert main(["predict", checkpoint, str(images), "--output", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"error: {images}/broken.png: ")
    assert lines[1].startswith(f"error: {images}/text.png: ")
    assert "2 of 4 images segmented (semantic), " in captured.out
    assert files_under(tmp_path / "out/overlays") == ["a_semantic.png", "b_semantic.png"]


@pytest.mark.parametrize(
    ("name", "what"),
    [("nothing.png", "no such file, folder or glob"), ("*.gif", "no such file, folder or glob"), ("empty", "a folder")],
)
def test_an_input_that_names_no_image(images, tmp_path, capsys, name, what):
    """Found before the checkpoint is loaded."""
    (images / "empty").mkdir()
    assert main(["predict", "no_checkpoint", str(images / name), "--output", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {images}/{name}: {what}")
    assert message.endswith("Images end in .png, .jpg, .tif or another suffix that Pillow reads.\n")
    assert not (tmp_path / "out").exists()


def test_images_in_sub_folders_are_told(tmp_path, capsys):
    (tmp_path / "town").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "town/a.png")
    assert main(["predict", "runs/x", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}: the folder has no images itself, but 1 image below it. Name '{tmp_path}/**' for all.\n"
    )


def test_an_address_is_no_input(tmp_path, capsys):
    assert main(["predict", "no_checkpoint", "https://example.org/a.jpg", "--output", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("error: https://example.org/a.jpg: this is an address, and segkit loads")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--task", "panoptik"], 1, r"there is no postprocessor 'panoptik'. Did you mean 'panoptic'?"),
        (["--device", "gpu"], 2, "device 'gpu' cannot be used here ("),
    ],
)
def test_a_wrong_option(checkpoint, images, tmp_path, capsys, arguments, code, message):
    assert main(["predict", checkpoint, str(images), "--output", str(tmp_path / "out"), *arguments]) == code
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_the_images_of_inputs(images):
    files = list(images_in([str(images / "b.JPG"), str(images), str(images / "notes.txt")]))
    assert files == [f"{images}/b.JPG", f"{images}/a.png", f"{images}/notes.txt"]
    with pytest.raises(DataError):
        list(images_in([str(images / "*.txt")]))


def test_arrays_are_images_where_nothing_else_is(tmp_path):
    (tmp_path / "a.npy").touch()
    for word in (tmp_path, tmp_path / "*"):
        assert list(images_in([str(word)])) == [f"{tmp_path}/a.npy"]
    (tmp_path / "b.png").touch()
    with pytest.warns(UserWarning, match="not read: 1 file without the suffix of an image: a.npy"):
        assert list(images_in([str(tmp_path)])) == [f"{tmp_path}/b.png"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(images):
    (images / "a[1].png").write_bytes((images / "a.png").read_bytes())
    assert list(images_in([str(images / "a[1].png")])) == [f"{images}/a[1].png"]


def test_what_a_folder_or_a_glob_leaves_out_is_named(images):
    (images / "._a.png").write_text("what a Mac leaves behind")
    (images / "c.jfif").write_text("an image by its suffix")
    with pytest.warns(UserWarning, match="not read") as warned:
        found = [list(images_in([word])) for word in (str(images), str(images / "*"))]
    assert found == [[f"{images}/a.png", f"{images}/b.JPG", f"{images}/c.jfif"]] * 2
    assert [str(one.message) for one in warned] == [
        f"{images}: not read: 1 file without the suffix of an image: notes.txt; 1 sub-folder with images: deep.",
        f"{images}/*: not read: 1 file without the suffix of an image: notes.txt.",
    ]
    assert list(images_in([str(images / "._a.png")])) == [f"{images}/._a.png"]


def test_any_exception_of_a_decoder_is_the_file_s(checkpoint, images, tmp_path, capsys, monkeypatch):
    """The others are segmented."""
    from PIL import JpegImagePlugin

    def fail(self):
        raise AttributeError("'float' object has no attribute 'encode'")

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", fail)
    assert main(["predict", checkpoint, str(images), "--output", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert captured.err == (
        f"error: {images}/b.JPG: cannot read the image (AttributeError: 'float' object has no attribute 'encode'). "
        "Replace or remove it.\n"
    )
    assert "1 of 2 images segmented" in captured.out


def test_the_largest_number_of_pixels(checkpoint, images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    words = ["predict", checkpoint, str(images), "--output"]
    assert main([*words, str(tmp_path / "out"), "--max-pixels", "3000"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {images}/b.JPG: the image has 4096 pixels, but the limit is 3000, ")
    assert "(segkit predict --max-pixels 4096, or the environment variable SEGKIT_MAX_PIXELS=4096)" in error
    assert main([*words, str(tmp_path / "all"), "--max-pixels", "4096", "--window", "64"]) == 0


def test_a_limit_that_is_no_number_is_told_once(checkpoint, images, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SEGKIT_MAX_PIXELS", "-1")
    assert main(["predict", checkpoint, str(images), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "error: SEGKIT_MAX_PIXELS: '-1' is not a number of pixels. Set it to a whole number from 1.\n"
    )


def test_a_format_without_effect_is_refused(checkpoint, images, tmp_path, capsys):
    words = ["--task", "panoptic", "--result-format", "ade20k", "--output", str(tmp_path / "out")]
    assert main(["predict", checkpoint, str(images), *words]) == 2
    assert capsys.readouterr().err.startswith("error: --result-format: 'ade20k' has no effect on panoptic results: ")
    assert not (tmp_path / "out").exists()
