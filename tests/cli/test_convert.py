"""`segkit convert`: reads checkpoints of other programs, and writes those of transformers."""

import json

import pytest
import torch
from transformers import MaskFormerConfig, MaskFormerForInstanceSegmentation, MaskFormerImageProcessor, ResNetConfig

import segkit
from segkit.cli.main import main
from segkit.interop.detectron2 import LICENSE
from tests.helpers.originals import PER_PIXEL_YAML, write_original
from tests.helpers.tiny import write_tiny

EVALUATED = "evaluators: [{type: mean_iou}]"


@pytest.fixture(scope="module")
def huggingface(tmp_path_factory):
    """A folder written by transformers."""
    folder = tmp_path_factory.mktemp("huggingface") / "theirs"
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = ResNetConfig(layer_type="basic", depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32], out_features=stages)
    config = MaskFormerConfig(
        backbone_config=backbone,
        fpn_feature_size=32,
        mask_feature_size=16,
        id2label={0: "sky", 1: "car"},
        label2id={"sky": 0, "car": 1},
    )
    config.decoder_config.decoder_layers = 2
    config.decoder_config.num_queries = 5
    MaskFormerForInstanceSegmentation(config).save_pretrained(folder)
    MaskFormerImageProcessor(size={"shortest_edge": 64, "longest_edge": 128}).save_pretrained(folder)
    return folder


def given_original(folder):
    """The words that name an original checkpoint, its config and its classes."""
    paths = [str(folder / name) for name in ("model.pkl", "x.yaml", "names.txt")]
    return [paths[0], "--config", paths[1], "--classes", paths[2]]


def test_an_original_checkpoint(tmp_path, capsys):
    model = write_original(tmp_path)
    arguments = [str(tmp_path / "model.pkl"), str(tmp_path / "out"), "--config", str(tmp_path / "x.yaml")]
    assert main(["convert", *arguments, "--classes", str(tmp_path / "names.txt")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"written: {tmp_path}/out"
    converted = segkit.load_model(tmp_path / "out")
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    assert torch.equal(converted(images).pixel_logits, model.eval()(images).pixel_logits)
    assert json.loads((tmp_path / "out/classes.json").read_text())["names"] == ["sky", "car", "road"]


def test_an_original_checkpoint_needs_its_config(tmp_path, capsys):
    write_original(tmp_path)
    assert main(["convert", str(tmp_path / "model.pkl"), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/model.pkl: an original checkpoint holds only tensors. Give the config of its model, such "
        "as --config configs/mask_former/ade20k_r50.yaml.\n"
    )


def test_unknown_classes_are_numbered(tmp_path, capsys):
    write_original(tmp_path)
    arguments = [str(tmp_path / "model.pkl"), str(tmp_path / "out"), "--config", str(tmp_path / "x.yaml")]
    assert main(["convert", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[1:-1] == [
        f"note: the 3 classes are numbered, because their names are not known: {tmp_path}/x.yaml: data: the classes "
        "come from the dataset, and the config names none",
        "note: for names, provide the dataset, or convert again with --classes FILE",
        "note: the files do not tell things from stuff, and the classes are no known label set: all of them count as "
        "things. Convert again with --things to name the things",
        f"note: {LICENSE}",
    ]
    names = json.loads((tmp_path / "out/classes.json").read_text())["names"]
    assert names == ["class 0", "class 1", "class 2"]


def test_a_failed_conversion_leaves_nothing_behind(tmp_path, capsys):
    write_original(tmp_path, wrong={"sem_seg_head.predictor.bias": torch.zeros(7).numpy()})
    arguments = [str(tmp_path / "model.pkl"), str(tmp_path / "out"), "--config", str(tmp_path / "x.yaml")]
    before = sorted(tmp_path.iterdir())
    assert main(["convert", *arguments, "--classes", str(tmp_path / "names.txt")]) == 1
    assert "7" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_from_huggingface_and_back(huggingface, tmp_path, capsys):
    assert main(["convert", str(huggingface), str(tmp_path / "ours")]) == 0
    assert main(["convert", str(tmp_path / "ours"), str(tmp_path / "theirs"), "--to", "huggingface_mask_former"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"written: {tmp_path}/theirs"
    before = MaskFormerForInstanceSegmentation.from_pretrained(huggingface).state_dict()
    after = MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "theirs").state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    result = segkit.Predictor(tmp_path / "ours")(torch.zeros(3, 40, 50, dtype=torch.uint8))
    assert result.label_map.shape == (40, 50)


def test_things_are_named(huggingface, tmp_path):
    assert main(["convert", str(huggingface), str(tmp_path / "ours"), "--things", "car"]) == 0
    assert json.loads((tmp_path / "ours/classes.json").read_text())["things"] == [False, True]


def test_things_of_an_original_are_named(tmp_path, capsys):
    write_original(tmp_path)
    given = given_original(tmp_path)
    assert main(["convert", *given, str(tmp_path / "one"), "--things", "car"]) == 0
    assert json.loads((tmp_path / "one/classes.json").read_text())["things"] == [False, True, False]
    assert capsys.readouterr().out.count("note") == 1  # that on the license
    assert main(["convert", *given, str(tmp_path / "two")]) == 0
    assert json.loads((tmp_path / "two/classes.json").read_text())["things"] == [False, False, False]
    assert capsys.readouterr().out.splitlines()[1] == (
        "note: all classes count as stuff, as the list says. Convert again with --things to name the things"
    )


def test_a_dataset_of_other_classes_is_left_out(tmp_path, capsys):
    write_original(tmp_path)
    data = "data: {val: {dataset: {type: shapes, length: 1}, transforms: [{type: resize, size: [64, 64]}]}}"
    (tmp_path / "x.yaml").write_text(f"{PER_PIXEL_YAML}{data}\npostprocessors: [{{type: semantic}}]\n{EVALUATED}\n")
    given = given_original(tmp_path)
    assert main(["convert", *given, str(tmp_path / "out"), "--things"]) == 0
    note = "note: the config's data.val.dataset, evaluators are left out: 3 classes there, 8 here"
    assert capsys.readouterr().out.splitlines()[1].startswith(note)
    config = segkit.load_config(tmp_path / "out")
    assert config["data"] == {"val": {"transforms": [{"type": "resize", "size": (64, 64)}]}}
    assert "evaluators" not in config


def test_no_format_recognizes_it(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert main(["convert", str(tmp_path), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}: is a checkpoint of no known format. These were looked for:\n"
        "  huggingface_mask_former: a folder or hub name with a config.json of model_type 'maskformer'\n"
        "  original_mask_former: a .pkl or .pth file of tensors named 'sem_seg_head.predictor.transformer.decoder.*' "
        "or '….predictor.weight'\n"
        "Give such a checkpoint, name its format with --format, or install the package that reads it.\n"
    )
    assert main(["convert", str(tmp_path), str(tmp_path / "out"), "--format", "huggingface_mask_former"]) == 1
    assert "describes another model: no architecture of model_type 'bert'" in capsys.readouterr().err


def test_formats_that_write_are_listed(huggingface, tmp_path, capsys):
    assert main(["convert", str(huggingface), str(tmp_path / "out"), "--to", "original_mask_former"]) == 1
    assert capsys.readouterr().err == (
        "error: checkpoint format 'original_mask_former' only reads. These write: huggingface_mask_former\n"
    )


def test_several_formats_recognize_it(huggingface, tmp_path, capsys, monkeypatch):
    class Twin:
        """A format that recognizes the same."""

        looks_for = "the same"

        def recognizes(self, source):
            return True

        def read(self, source):
            raise AssertionError

    formats = segkit.CHECKPOINT_FORMATS
    monkeypatch.setattr(formats, "_registered", dict(formats._registered))
    formats.register("twin")(Twin)
    assert main(["convert", str(huggingface), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        f"error: {huggingface}: is recognized by several formats: huggingface_mask_former, twin. Choose one with "
        "--format.\n"
    )


def test_existing_files_are_not_overwritten(huggingface, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["convert", str(huggingface), str(tmp_path)]) == 1
    assert (
        capsys.readouterr().err
        == f"error: {tmp_path}: exists already and is not an empty folder. Name another, or remove it.\n"
    )


def test_options_without_effect_are_refused(huggingface, tmp_path, capsys):
    assert main(["convert", str(huggingface), str(tmp_path / "out"), "a.b=1", "--config", "x.yaml"]) == 1
    assert capsys.readouterr().err == (
        f"error: {huggingface}: checkpoints of the format 'huggingface_mask_former' hold what these options tell. "
        "Leave out: --config.\n"
    )


def test_a_model_that_transformers_lacks(tmp_path, capsys):
    config = write_tiny(tmp_path, "mask_former with transformer_fpn")
    assert main(["train", str(config), "training.steps=1", "--output", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert main(["convert", str(tmp_path / "run"), str(tmp_path / "out"), "--to", "huggingface_mask_former"]) == 1
    assert "model.pixel_decoder.type: cannot be written for transformers" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_format_that_is_not_installed_is_told(tmp_path, capsys):
    assert main(["convert", str(tmp_path), str(tmp_path / "out"), "--to", "huggingface_other"]) == 1
    assert "install the package that provides 'huggingface_other'" in capsys.readouterr().err


def test_the_class_list_is_read_without_the_images(tmp_path, capsys):
    write_original(tmp_path)
    dataset = "{type: mask_folder, images: none/a, labels: none/b, classes: LIST}"
    data = f"data: {{val: {{dataset: {dataset}, transforms: [{{type: resize, size: [64, 64]}}]}}}}"
    for names, numbered in (("sky\ncar\nsea\n", False), ("sky\ncar\n", True)):
        (tmp_path / "names.txt").write_text(names)
        (tmp_path / "x.yaml").write_text(f"{PER_PIXEL_YAML}{data.replace('LIST', str(tmp_path / 'names.txt'))}\n")
        arguments = [
            str(tmp_path / "model.pkl"),
            str(tmp_path / f"out{numbered}"),
            "--config",
            str(tmp_path / "x.yaml"),
        ]
        assert main(["convert", *arguments, "--things"]) == 0
        notes = capsys.readouterr().out
        assert ("are numbered" in notes) == numbered
        assert ("has 2 classes, the checkpoint 3" in notes) == numbered
        assert ("left out: for the same reason; data.val.transforms are kept" in notes) == numbered
        found = json.loads((tmp_path / f"out{numbered}/classes.json").read_text())["names"]
        assert found == (["class 0", "class 1", "class 2"] if numbered else ["sky", "car", "sea"])
