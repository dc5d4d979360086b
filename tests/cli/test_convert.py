"""`segkit convert`: reads checkpoints of other programs, and writes those of transformers."""

import json
import pickle

import pytest
import torch
from transformers import MaskFormerConfig, MaskFormerForInstanceSegmentation, MaskFormerImageProcessor, ResNetConfig

import segkit
from segkit.cli.main import main
from tests.helpers.tiny import write_tiny

YAML = """
model:
  type: per_pixel
  backbone: {type: timm, name: resnet18, options: {out_indices: [3, 4]}}
  pixel_decoder: {type: fpn, hidden_dim: 32, mask_dim: 16}
"""


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


def write_original(folder, wrong=None):
    """Writes the state dict of `YAML`'s model under the original's names, and the config beside it."""
    from segkit.classes import Classes

    (folder / "x.yaml").write_text(YAML)
    model = segkit.build_model(segkit.load_config(folder / "x.yaml"), Classes.make(["sky", "car", "road"]))
    names = {
        "body.conv1.weight": "stem.conv1.weight",
        "body.bn1.": "stem.conv1.norm.",
    }
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensors[_original(name, names)] = tensor.numpy()
    tensors |= wrong or {}
    (folder / "model.pkl").write_bytes(pickle.dumps({"model": tensors}))
    (folder / "names.txt").write_text("sky\ncar\nroad\n")
    return model


def _original(name, names):
    import re

    if name.startswith("backbone.body.layer"):
        name = re.sub(r"body\.layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
        name = name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
        return re.sub(r"\.bn(\d)\.", r".conv\1.norm.", name)
    for ours, theirs in names.items():
        name = name.replace(ours, theirs)
    name = re.sub(r"^pixel_decoder\.laterals\.(\d)\.0", _numbered("adapter_"), name)
    name = re.sub(r"^pixel_decoder\.laterals\.(\d)\.1", _numbered("adapter_", ".norm"), name)
    name = re.sub(r"^pixel_decoder\.outputs\.(\d)\.0", _numbered("layer_"), name)
    name = re.sub(r"^pixel_decoder\.outputs\.(\d)\.1", _numbered("layer_", ".norm"), name)
    name = name.replace("pixel_decoder.mask_features", "sem_seg_head.pixel_decoder.mask_features")
    return name.replace("classifier.", "sem_seg_head.predictor.")


def _numbered(stem, end=""):
    return lambda match: f"sem_seg_head.pixel_decoder.{stem}{int(match[1]) + 1}{end}"


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
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"note: the 3 classes are numbered, because their names are not known: {tmp_path}/x.yaml: data: the classes "
        "come from the dataset, and the config names none.",
        "note: for names, provide the dataset, or convert again with --classes FILE",
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
    assert main(["convert", str(tmp_path / "ours"), str(tmp_path / "theirs"), "--to", "huggingface"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"written: {tmp_path}/theirs"
    before = MaskFormerForInstanceSegmentation.from_pretrained(huggingface).state_dict()
    after = MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "theirs").state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    result = segkit.Predictor(tmp_path / "ours")(torch.zeros(3, 40, 50, dtype=torch.uint8))
    assert result.label_map.shape == (40, 50)


def test_things_are_named(huggingface, tmp_path, capsys):
    assert main(["convert", str(huggingface), str(tmp_path / "ours"), "--things", "car"]) == 0
    assert json.loads((tmp_path / "ours/classes.json").read_text())["things"] == [False, True]
    write_original(tmp_path)
    assert main(["convert", str(tmp_path / "model.pkl"), str(tmp_path / "out"), "--things"]) == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/model.pkl: The class list says which classes are things. Leave out: --things.\n"
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
        f"error: {huggingface}: A checkpoint of transformers holds its config and classes. Leave out: --config, "
        "key=value.\n"
    )


def test_a_model_that_transformers_lacks(tmp_path, capsys):
    config = write_tiny(tmp_path, "mask_former with transformer_fpn")
    assert main(["train", str(config), "training.steps=1", "--output", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert main(["convert", str(tmp_path / "run"), str(tmp_path / "out"), "--to", "huggingface"]) == 1
    assert "model.pixel_decoder.type: cannot be written for transformers" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
