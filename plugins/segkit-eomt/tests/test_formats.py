"""Checkpoints of transformers' EoMT are read and written, bit by bit."""

import json
import re
from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from segkit_eomt.formats import HuggingFaceEoMT
from segkit_eomt.reading import READ, READ_PREPROCESSOR
from transformers import AutoModelForUniversalSegmentation, EomtConfig, EomtDinov3Config, EomtImageProcessor

from segkit import testing
from segkit.checkpoint import save_checkpoint
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.interop.converting import export_checkpoint, find_format
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.left_out import left_out
from segkit.runtime.checkpoint_source import CheckpointSource

NAMES = ["dinov2", "dinov2 of one head", "dinov3", "dinov3 without biases"]


@pytest.fixture
def written(pair, tmp_path):
    def write(name):
        _, theirs = pair(name)
        theirs.attn_mask_probs.copy_(torch.linspace(0, 1, len(theirs.attn_mask_probs)))
        theirs.save_pretrained(tmp_path / "theirs")
        EomtImageProcessor(size={"shortest_edge": 64, "longest_edge": 64}).save_pretrained(tmp_path / "theirs")
        return theirs, tmp_path / "theirs"

    return write


@pytest.mark.parametrize("name", NAMES)
def test_the_format_keeps_its_contract(written, name):
    testing.check_checkpoint_format(HuggingFaceEoMT(), written(name)[1])


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_is_bit_equal(written, tmp_path, name):
    theirs, folder = written(name)
    assert find_format(CheckpointSource(folder)) == "huggingface_eomt"
    imported = HuggingFaceEoMT().read(CheckpointSource(str(folder)))
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    theirs.attn_mask_probs.zero_()
    imported.model.annealing.probabilities.zero_()
    with torch.no_grad():
        expected = theirs(imported.model.normalization(images)).class_queries_logits
        torch.testing.assert_close(imported.model(images).class_logits, expected, rtol=1e-4, atol=1e-4)
    again = tmp_path / "again"
    again.mkdir()
    imported = HuggingFaceEoMT().read(CheckpointSource(str(folder)))
    assert HuggingFaceEoMT().write(imported.model, imported.config, imported.classes, again) == []
    first, second = load_file(folder / "model.safetensors"), load_file(again / "model.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())
    loaded = AutoModelForUniversalSegmentation.from_pretrained(again)
    assert type(loaded) is type(theirs)
    assert loaded.config.id2label == theirs.config.id2label


def test_what_is_not_supported_is_told(pair, tmp_path):
    _, theirs = pair("dinov2")
    theirs.config.use_swiglu_ffn = True
    theirs.config.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"use_swiglu_ffn: is True; segkit-eomt supports False alone\.$"):
        HuggingFaceEoMT().read(CheckpointSource(str(tmp_path)))


def test_no_setting_vanishes_without_a_note(written, tmp_path):
    _, folder = written("dinov3")
    edit(folder / "preprocessor_config.json", do_split_image=True, size={"shortest_edge": 64, "longest_edge": None})
    side = json.loads((folder / "config.json").read_text())["image_size"]
    imported = HuggingFaceEoMT().read(CheckpointSource(str(folder)))
    assert f"image_size = {side} in config.json is left out: written back, it is 640" in imported.notes
    config = load_config(
        imported.config.data, ["model.options.drop_path_rate=0.2", "model.gradient_checkpointing=true"]
    )
    save_checkpoint(tmp_path / "ours", imported.model, config, imported.classes)
    notes = export_checkpoint(tmp_path / "ours", tmp_path / "again", "huggingface_eomt")
    assert [note for note in notes if note.startswith("model.")] == [
        "model.gradient_checkpointing = true is not kept by the files: read again, it is false",
        "model.options.drop_path_rate = 0.2 is not kept by the files",
    ]
    (folder / "preprocessor_config.json").unlink()
    note = "there is no preprocessor_config.json: images are prepared by transformers' defaults"
    assert note in HuggingFaceEoMT().read(CheckpointSource(str(folder))).notes


def test_every_setting_of_theirs_is_known(tmp_path):
    for config in (EomtConfig(), EomtDinov3Config()):
        assert left_out(Fields(config.to_dict(), tmp_path / "config.json"), read=READ) == []
    settings = EomtImageProcessor().to_dict()
    assert left_out(Fields(settings, tmp_path / "preprocessor_config.json"), read=READ_PREPROCESSOR) == []


def edit(file, **settings):
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def test_settings_without_counterpart_are_told(written):
    _, folder = written("dinov3")
    edit(folder / "config.json", pos_embed_jitter=0.5)
    edit(folder / "preprocessor_config.json", ignore_index=65535)
    notes = HuggingFaceEoMT().read(CheckpointSource(str(folder))).notes
    left = "left out, since segkit has no such setting: "
    assert f"{left}pos_embed_jitter = 0.5 in config.json" in notes
    assert f"{left}ignore_index = 65535 in preprocessor_config.json" in notes
    assert "weights that come from DINOv3 are under its own license, the DINOv3 License, unlike segkit's code" in notes


def test_the_weights_of_the_losses_come_back(written, tmp_path):
    _, folder = written("dinov2")
    edit(folder / "config.json", oversample_ratio=2.0, importance_sample_ratio=0.5, mask_weight=4.0)
    imported = HuggingFaceEoMT().read(CheckpointSource(str(folder)))
    again = tmp_path / "again"
    again.mkdir()
    assert HuggingFaceEoMT().write(imported.model, imported.config, imported.classes, again) == []
    settings = json.loads((again / "config.json").read_text())
    assert (settings["oversample_ratio"], settings["importance_sample_ratio"], settings["mask_weight"]) == (
        2.0,
        0.5,
        4.0,
    )


def test_what_the_files_cannot_express_is_told(written, tmp_path):
    imported = HuggingFaceEoMT().read(CheckpointSource(str(written("dinov2")[1])))
    losses = [{"type": "cross_entropy"}, {"type": "focal"}, {"type": "dice"}]
    data = {key: value for key, value in imported.config.data.items() if key != "criterion"}
    config = load_config({**data, "criterion": {"matcher": {"type": "hungarian"}, "losses": losses}}, name="config")
    again = tmp_path / "again"
    again.mkdir()
    classes = replace(imported.classes, things=(False, True, True))
    assert HuggingFaceEoMT().write(imported.model, config, classes, again) == [
        "transformers does not have the losses focal",
        "transformers matches by the weights and points of the losses, whatever criterion.matcher says",
        "transformers computes the losses of masks at 12544 points, the config at every pixel",
        "the files do not tell things from stuff: 2 of 3 classes are things",
    ]


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_the_code_of_the_model_card_runs(written, tmp_path, monkeypatch, task):
    """As somebody pastes it who found the folder on the hub."""
    imported = HuggingFaceEoMT().read(CheckpointSource(str(written("dinov3")[1])))
    checkpoint, back = tmp_path / "ours", tmp_path / "back"
    config = load_config(imported.config.data, [f"postprocessors=[{{type: {task}}}]"])
    save_checkpoint(checkpoint, imported.model, config, imported.classes)
    export_checkpoint(checkpoint, back, "huggingface_eomt")
    monkeypatch.chdir(back)
    Image.effect_noise((60, 40), 90).save("street.jpg")
    (code,) = re.findall(r"```python\n(.*?)```", (back / "README.md").read_text(), re.DOTALL)
    assert f"post_process_{task}_segmentation" in code
    variables = {}
    exec(code, variables)
    result = variables["result"]
    assert (result if task == "semantic" else result["segmentation"]).shape == (40, 60)
