"""Bad files and numbers, seen from the command line: one clear line, exit code 1, nothing lost."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.classes import Classes
from segkit.cli.main import main
from tests.helpers.overrides import last_ones
from tests.helpers.tiny import write_tiny

each_number_of_workers = pytest.mark.parametrize("workers", [0, 2])


def error_line(capsys):
    """Returns the only line on stderr."""
    message = capsys.readouterr().err
    assert len(message.splitlines()) == 1, message
    return message.removesuffix("\n")


def bad_images(capsys):
    """Returns the lines about images that cannot be used; the last line on stderr counts them."""
    *lines, last = capsys.readouterr().err.removeprefix("error: ").splitlines()
    assert last.startswith(f"{len(lines)} of ")
    assert last.endswith(" images of data.train that were read are bad. `segkit check --data CONFIG` reads all.")
    return lines


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, dtype=np.uint8)).save(path)


def contents(folder):
    """Returns every file of a folder with its contents."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Semantic:
    """A `mask_folder` of four images and two classes, which a test damages."""

    def __init__(self, folder):
        self.folder = folder
        for index in range(4):
            save(self.image(index), np.full((64, 64, 3), 60 * index))
            save(self.label(index), np.arange(64)[None].repeat(64, 0) > 31)

    def image(self, index):
        return self.folder / "images" / f"{index}.png"

    def label(self, index):
        return self.folder / "labels" / f"{index}.png"

    @property
    def setting(self):
        return f"{{type: mask_folder, images: {self.folder}/images, labels: {self.folder}/labels, classes: [a, b]}}"


class Panoptic:
    """A `coco_panoptic` of two images with two segments each, which a test damages."""

    def __init__(self, folder):
        self.folder = folder
        segments = [{"id": one, "category_id": one, "area": 2048, "iscrowd": 0} for one in (1, 2)]
        names = ["0", "1"]
        for name in names:
            save(folder / f"images/{name}.png", np.zeros((64, 64, 3)))
            ids = np.zeros((64, 64, 3))
            ids[..., 0] = np.arange(64) // 32 + 1
            save(self.masks / f"{name}.png", ids)
        self.json = folder / "panoptic.json"
        self.data = {
            "images": [{"id": index, "file_name": f"{name}.png"} for index, name in enumerate(names)],
            "annotations": [
                {"image_id": index, "file_name": f"{name}.png", "segments_info": segments}
                for index, name in enumerate(names)
            ],
            "categories": [{"id": 1, "name": "a", "isthing": 1}, {"id": 2, "name": "b", "isthing": 0}],
        }
        self.write()

    def write(self):
        self.json.write_text(json.dumps(self.data))

    @property
    def masks(self):
        return self.folder / "masks"

    @property
    def setting(self):
        return f"{{type: coco_panoptic, images: {self.folder}/images, annotations: {self.json}, masks: {self.masks}}}"


@pytest.fixture
def semantic(tmp_path):
    return Semantic(tmp_path / "semantic")


@pytest.fixture
def panoptic(tmp_path):
    return Panoptic(tmp_path / "panoptic")


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Runs `segkit train` on a dataset into tmp_path/run and returns the exit code."""
    monkeypatch.chdir(tmp_path)
    config = str(write_tiny(tmp_path))

    def run(dataset, *words, workers=0):
        settings = [f"data.train.dataset={dataset.setting}", f"data.train.workers={workers}", "data.val=null"]
        return main(last_ones(["train", config, "--output", "run", *settings, "training.steps=2", *words]))

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished run of one step on `shapes`, which no test changes."""
    folder = tmp_path_factory.mktemp("finished")
    words = ["training.steps=1", "training.checkpoint_every=1", "data.val=null"]
    assert main(["train", str(write_tiny(folder)), "--output", str(folder / "run"), *words]) == 0
    return folder


@each_number_of_workers
def test_a_missing_image(panoptic, train, capsys, workers):
    (panoptic.folder / "images" / "1.png").unlink()
    assert train(panoptic, "training.seed=1", workers=workers) == 1
    assert error_line(capsys) == (
        f"error: {panoptic.json}: images[1] (id 1): 'file_name': there is no file {panoptic.folder}/images/1.png. "
        "Restore it or correct the name."
    )
    assert not Path("run").exists()


@each_number_of_workers
@pytest.mark.parametrize("left", [0, 60])
def test_an_unreadable_image(semantic, train, capsys, workers, left):
    for index in range(4):
        semantic.image(index).write_bytes(semantic.image(index).read_bytes()[:left])
    assert train(semantic, workers=workers) == 1
    messages = bad_images(capsys)
    assert len(messages) == 4
    for message in messages:
        assert message.startswith(f"{semantic.folder}/images/")
        assert message.endswith("Replace or remove it.")


@each_number_of_workers
def test_a_label_outside_the_class_list(semantic, train, capsys, workers):
    for index in range(4):
        save(semantic.label(index), np.full((64, 64), 7))
    assert train(semantic, workers=workers) == 1
    messages = bad_images(capsys)
    assert len(messages) == 4
    for message in messages:
        assert message.startswith(f"{semantic.folder}/labels/")
        assert message.endswith(
            ".png: the ids 7 are neither a class nor void. The 2 classes have the ids 0, 1. Name the others in "
            "'void', or map all ids in 'label_map'."
        )


@each_number_of_workers
def test_a_panoptic_png_and_a_json_that_disagree(panoptic, train, capsys, workers):
    for index in range(2):
        ids = np.zeros((64, 64, 3))
        ids[..., 0] = 9
        save(panoptic.masks / f"{index}.png", ids)
    assert train(panoptic, workers=workers) == 1
    messages = bad_images(capsys)
    assert len(messages) == 2
    for message in messages:
        assert message.startswith(f"{panoptic.masks}/")
        assert f".png: it holds the segment ids 9, which {panoptic.json} does not list, and it lacks " in message
        assert message.endswith("Take both from one release, or correct the one that is wrong.")


@each_number_of_workers
def test_an_image_and_a_label_of_different_sizes(semantic, train, capsys, workers):
    for index in range(4):
        save(semantic.label(index), np.zeros((32, 48)))
    assert train(semantic, workers=workers) == 1
    messages = bad_images(capsys)
    assert len(messages) == 4
    for message in messages:
        assert message.startswith(f"{semantic.folder}/labels/")
        assert "the label map is 48x32, but its image " in message
        assert message.endswith(".png is 64x64 (upright). Give both one size.")


def test_a_missing_label(semantic, train, capsys):
    semantic.label(2).unlink()
    assert train(semantic) == 1
    assert error_line(capsys) == (
        f"error: {semantic.folder}/labels: there is no label file for 2.png of {semantic.folder}/images. Add label "
        "files of the same names, such as 2.png, or remove these images."
    )


def test_problems_of_training_and_validation_are_named_together(semantic, train, capsys, tmp_path):
    other = Semantic(tmp_path / "validation")
    for one in (semantic, other):
        one.label(3).unlink()
    assert train(semantic, f"data.val={{dataset: {other.setting}, workers: 0}}") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"error: {semantic.folder}/labels: there is no label file for 3.png")
    assert lines[1].startswith(f"{other.folder}/labels: there is no label file for 3.png")
    assert not Path("run").exists()


def test_a_folder_without_images(semantic, train, capsys):
    shutil.rmtree(semantic.folder / "images")
    (semantic.folder / "images").mkdir()
    assert train(semantic) == 1
    assert error_line(capsys) == (
        f"error: {semantic.folder}/images: there are no images in this folder. Point 'images' at the folder of the "
        "images."
    )
    assert not Path("run").exists()


def test_an_empty_dataset(train, capsys):
    class Empty:
        setting = "{type: shapes, length: 0}"

    assert train(Empty) == 1
    assert error_line(capsys) == (
        "error: data.train: nothing can be learned: the dataset has no images. Check its paths and `limit`."
    )
    assert not Path("run").exists()


@each_number_of_workers
def test_a_bad_image_late_in_a_training_loses_nothing(semantic, train, capsys, workers):
    assert train(semantic) == 0
    before = contents(Path("run"))
    for index in range(4):
        semantic.image(index).write_bytes(b"broken")
    capsys.readouterr()
    assert train(semantic, "--resume", "training.steps=4", workers=workers) == 1
    assert all(line.startswith(f"{semantic.folder}/images/") for line in bad_images(capsys))
    after = contents(Path("run"))
    kept = [path for path in before if path.parts[0] in ("checkpoints", "last")]
    assert kept
    assert all(after[path] == before[path] for path in kept)
    assert after[Path("metrics.jsonl")] == before[Path("metrics.jsonl")]


def test_a_bad_image_in_the_evaluation(semantic, train, capsys, tmp_path):
    assert train(semantic) == 0
    semantic.image(1).write_bytes(b"broken")
    capsys.readouterr()
    words = [f"data.val={{dataset: {semantic.setting}, workers: 2}}", "--output", str(tmp_path / "out")]
    assert main(["test", "run", *words]) == 1
    assert error_line(capsys).startswith(f"error: {semantic.image(1)}: ")
    assert not (tmp_path / "out/metrics.json").exists()


def test_a_loss_that_is_not_finite(semantic, train, capsys):
    words = ["training.steps=8", "training.checkpoint_every=1", "training.optimizer.lr=1e30"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert train(semantic, *words) == 1
    message = error_line(capsys)
    assert message.startswith("error: step ")
    assert ": the loss is not finite (total nan, " in message
    assert ".png" in message
    assert " Lower the learning rate, clip gradients, or train in fp32 or bf16; then continue from " in message
    assert Path("run/checkpoints/step_1/training_state.pt").is_file()
    assert Path("run/last/model.safetensors").is_file()


def test_more_segments_than_queries(semantic, train):
    """Allowed, with one warning for all steps, layers and images."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert train(semantic, "training.steps=3", "model.transformer_decoder.num_queries=1") == 0
    messages = [str(one.message) for one in caught if "segments" in str(one.message)]
    assert messages == [
        "matcher 'hungarian': an image has 2 segments, but the model has 1 query. The cheapest pairs are matched, the "
        "other segments are not learned. Raise num_queries to learn all."
    ]


def test_starting_from_another_class_list(finished, semantic, train, capsys):
    assert train(semantic, f"init_from={finished}/run") == 1
    assert error_line(capsys) == (
        f"error: {finished}/run/last: has other classes (8 classes there, 2 here; only there: 'sky', 'grass', "
        "'sand', 'water', 'circle', 'square', 'triangle', 'star'; only here: 'a', 'b'), "
        "and none has the name of a class here, so these tensors mean nothing: "
        "transformer_decoder.class_head.bias, transformer_decoder.class_head.weight. Name the classes that correspond "
        "in `class_map`, or initialize the tensors anew with --reset-head."
    )
    assert not Path("run").exists()
    assert train(semantic, f"init_from={finished}/run", "--reset-head") == 0
    assert "2 only in the model, unchanged: transformer_decoder.class_head." in capsys.readouterr().out


def test_testing_on_another_class_list(finished, semantic, capsys):
    words = [f"data.val={{dataset: {semantic.setting}}}", "--checkpoint", f"{finished}/run"]
    assert main(["test", f"{finished}/tiny.yaml", *words]) == 2
    assert error_line(capsys) == (
        f"error: {finished}/tiny.yaml: data.val: the dataset has other classes than the model ("
        "2 classes there, 8 here; only there: 'a', 'b'; only here: 'sky', 'grass', 'sand', 'water', 'circle', "
        "'square', 'triangle', 'star'). Name a dataset with the model's classes."
    )


def test_evaluating_a_training_on_another_class_list(semantic, train, capsys):
    words = ["data.val={dataset: {type: shapes, length: 2}}"]
    assert train(semantic, *words) == 2
    assert "data.val: the dataset has other classes than the model (8 classes there, 2 here; " in error_line(capsys)
    assert not Path("run").exists()


@pytest.mark.parametrize("command", ["train", "test", "predict"])
def test_truncated_weights(finished, semantic, tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    run = shutil.copytree(finished / "run", tmp_path / "copy")
    weights = run / "last/model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    words = {
        "train": ["train", str(finished / "tiny.yaml"), f"init_from={run}", "--output", "out"],
        "test": ["test", str(run), "--output", "out"],
        "predict": ["predict", str(run), str(semantic.image(0)), "--output", "out"],
    }
    assert main(words[command]) == 1
    message = error_line(capsys)
    assert message.startswith(f"error: {weights}: is damaged: its digest ")
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "training_state.pt"])
def test_resuming_from_a_truncated_checkpoint(finished, tmp_path, capsys, name):
    run = shutil.copytree(finished / "run", tmp_path / "copy")
    file = run / "checkpoints/step_1" / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    before = contents(run)
    words = ["training.steps=2", "data.val=null", "--resume", "--output", str(run)]
    assert main(["train", str(finished / "tiny.yaml"), *words]) == 1
    assert error_line(capsys).startswith(f"error: {run}: no checkpoint is whole. {file}: is damaged: its digest ")
    assert contents(run) == before


def test_resuming_with_another_class_list(semantic, train, tmp_path, capsys):
    assert train(semantic) == 0
    before = contents(Path("run"))

    class Three(Semantic):
        setting = semantic.setting.replace("[a, b]", "[a, c]")

    capsys.readouterr()
    assert train(Three(tmp_path / "three"), "--resume", "training.steps=4") == 1
    message = error_line(capsys)
    assert "has other classes than the dataset (2 classes there, 2 here; only there: 'b'; only here: 'c')" in message
    assert contents(Path("run")) == before


def test_resuming_another_model(semantic, train, capsys):
    assert train(semantic) == 0
    before = contents(Path("run"))
    capsys.readouterr()
    assert train(semantic, "--resume", "training.steps=4", "model.transformer_decoder.num_queries=9") == 1
    message = error_line(capsys)
    assert (
        "with another shape or type, not used: transformer_decoder.query_positions.weight: (8, 16), (9, 16)" in message
    )
    assert contents(Path("run")) == before


def test_a_checkpoint_without_class_list(finished, tmp_path, capsys):
    run = shutil.copytree(finished / "run", tmp_path / "copy")
    (run / "last/classes.json").unlink()
    assert main(["test", str(run)]) == 1
    assert error_line(capsys).startswith(f"error: {run}/last/classes.json: cannot be read (No such file or directory).")


def test_class_lists_of_one_length_and_other_names_differ():
    from segkit.checkpoint import classes_differ

    one, other = Classes.make(["a", "b"]), Classes.make(["a", "c"])
    assert classes_differ(one, one) == ""
    assert classes_differ(one, other) == "2 classes there, 2 here; only there: 'b'; only here: 'c'"
    assert classes_differ(one, Classes.make(["a"])) == "2 classes there, 1 here; only there: 'b'"


def test_renamed_and_reordered_class_lists():
    from segkit.checkpoint import classes_differ

    there = Classes.make(["disk", "box", "ring"])
    assert classes_differ(there, Classes.make(["box", "disc", "ring"])) == (
        "3 classes there, 3 here; only there: 'disk'; only here: 'disc' (near 'disk' there)"
    )
    assert classes_differ(there, Classes.make(["box", "disk", "ring"])) == (
        "the same 3 classes in another order; class 0 is 'disk' there, 'box' here"
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_largest_number_of_pixels_that_is_none(semantic, train, monkeypatch, capsys, workers):
    monkeypatch.setenv("SEGKIT_MAX_PIXELS", "many")
    assert train(semantic, f"data.train.workers={workers}") == 2
    assert error_line(capsys) == (
        "error: SEGKIT_MAX_PIXELS: 'many' is not a number of pixels. Set it to a whole number from 1."
    )
