"""Checkpoints of transformers' Mask2Former are read and written, bit by bit."""

import json
import re

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from segkit_mask2former.formats import HuggingFaceMask2Former
from segkit_mask2former.reading import READ
from transformers import AutoModelForUniversalSegmentation, Mask2FormerConfig, Mask2FormerImageProcessor

import segkit
from segkit import testing
from segkit.build import build_model
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.cli.main import main
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.interop.converting import export_checkpoint, find_format
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.left_out import left_out
from segkit.runtime.checkpoint_source import CheckpointSource

NAMES = ["swin", "swin of other sizes", "resnet18", "resnet50"]


def read(folder):
    return HuggingFaceMask2Former().read(CheckpointSource(str(folder)))


def edit(file, **settings):
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def test_the_format_keeps_its_contract(written):
    testing.check_checkpoint_format(HuggingFaceMask2Former(), written("swin")[1])


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_theirs(written, name, size):
    theirs, folder = written(name)
    ours = read(folder).model
    images = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    with torch.no_grad():
        layers = ours(images).layers
        expected = theirs(ours.normalization(images), output_auxiliary_logits=True)
    wanted = [*expected.auxiliary_logits, expected]
    assert len(layers) == len(wanted) == theirs.config.decoder_layers
    for own, other in zip(layers, wanted, strict=True):
        for kind, key in (("class_logits", "class_queries_logits"), ("mask_logits", "masks_queries_logits")):
            found, logits = getattr(own, kind), other[key]
            assert float((found - logits).abs().max()) <= 1e-4 * float(logits.abs().max())


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_is_bit_equal(written, tmp_path, name):
    theirs, folder = written(name)
    assert find_format(CheckpointSource(folder)) == "huggingface_mask2former"
    imported = read(folder)
    again = tmp_path / "again"
    again.mkdir()
    assert HuggingFaceMask2Former().write(imported.model, imported.config, imported.classes, again) == []
    first, second = load_file(folder / "model.safetensors"), load_file(again / "model.safetensors")
    assert first.keys() == second.keys()
    assert set(imported.report.loaded) | set(imported.report.unexpected) == first.keys()
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())
    loaded, found = AutoModelForUniversalSegmentation.from_pretrained(again, output_loading_info=True)
    assert not any(found[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert type(loaded) is type(theirs)
    before, after = theirs.config.to_dict(), loaded.config.to_dict()
    same = before.keys() - {"backbone_config", "dtype", "transformers_version", "_name_or_path", "architectures"}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    processor = Mask2FormerImageProcessor.from_pretrained(again)
    assert (dict(processor.size)["shortest_edge"], processor.ignore_index) == (64, 255)


def test_convert(written, tmp_path, capsys):
    theirs, folder = written("resnet18")
    assert main(["convert", str(folder), str(tmp_path / "ours"), "--things", "car"]) == 0
    model = segkit.load_model(tmp_path / "ours")
    images = torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        expected = theirs(model.normalization(images)).class_queries_logits
        torch.testing.assert_close(model(images).class_logits, expected, rtol=1e-4, atol=1e-4)
    capsys.readouterr()
    back = tmp_path / "back"
    assert main(["convert", str(tmp_path / "ours"), str(back), "--to", "huggingface_mask2former"]) == 0
    assert "the files do not tell things from stuff: 1 of 3 classes are things" in capsys.readouterr().out
    first, second = load_file(folder / "model.safetensors"), load_file(back / "model.safetensors")
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())


def test_settings_without_counterpart_are_told(written):
    _, folder = written("resnet18", dropout=0.1)
    edit(folder / "config.json", layer_scale=0.5)
    edit(folder / "preprocessor_config.json", ignore_index=65535)
    notes = read(folder).notes
    left = "left out, since segkit has no such setting: "
    assert f"{left}layer_scale = 0.5 in config.json" in notes
    assert f"{left}ignore_index = 65535 in preprocessor_config.json" in notes
    assert "in training, transformers skips layers of its decoder with a probability of 0.1 (dropout)" in notes


def test_no_setting_vanishes_without_a_note(written, tmp_path):
    _, folder = written("resnet18")
    edit(folder / "config.json", ignore_value=7, output_auxiliary_logits=True, use_auxiliary_loss=False)
    imported = read(folder)
    notes = " ".join(imported.notes)
    assert "ignore_value = 7, output_auxiliary_logits = True in config.json" in notes
    assert "use_auxiliary_loss = False in config.json is left out" in notes
    assert imported.config.experiment.criterion.deep_supervision
    changed = ["model.size_divisor=64", "model.backbone.frozen=true"]
    changed += ["postprocessors=[{type: panoptic, score_threshold: 0.3}]"]
    config = load_config(imported.config.data, changed)
    save_checkpoint(tmp_path / "ours", imported.model, config, imported.classes)
    notes = export_checkpoint(tmp_path / "ours", tmp_path / "again", "huggingface_mask2former")
    assert notes[:-1] == [  # the last is about the model card
        "model.size_divisor = 64 is not kept by the files: read again, it is null",
        "model.backbone.frozen = true is not kept by the files",
        "data.val.transforms.resize_shortest_edge.size_divisor = 32 is not kept by the files: read again, it is 64",
        "postprocessors.panoptic.score_threshold = 0.3 is not kept by the files: read again, it is 0.8",
    ]


def test_every_setting_of_theirs_is_known(tmp_path):
    assert left_out(Fields(Mask2FormerConfig().to_dict(), tmp_path / "config.json"), read=READ) == []


def test_a_checkpoint_without_preprocessor_is_told(written):
    _, folder = written("resnet18")
    (folder / "preprocessor_config.json").unlink()
    note = "there is no preprocessor_config.json: images are prepared by transformers' defaults"
    assert note in read(folder).notes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"model_type": "maskformer", "architectures": ["MaskFormerForInstanceSegmentation"]},
            "describes another model: MaskFormerForInstanceSegmentation of model_type 'maskformer'. segkit-mask2former "
            "reads Mask2FormerForUniversalSegmentation of model_type 'mask2former'.",
        ),
        (
            {"architectures": ["Mask2FormerModel"]},
            "describes another model: Mask2FormerModel of model_type 'mask2former'. segkit-mask2former reads "
            "Mask2FormerForUniversalSegmentation of model_type 'mask2former'.",
        ),
        ({"pre_norm": True}, "pre_norm: is True; the layers of segkit-mask2former have their norms behind."),
        (
            {"activation_function": "gelu"},
            "activation_function: is 'gelu'; the layers of segkit-mask2former have 'relu'.",
        ),
        ({"common_stride": 8}, "common_stride: is 8; segkit-mask2former computes masks at a quarter of the image."),
        (
            {"enforce_input_projection": True},
            "enforce_input_projection: is True; segkit-mask2former projects maps to the decoder's width only where "
            "they have another.",
        ),
        (
            {"decoder_layers": 3},
            "decoder_layers: must be at least 4, a layer for each of 3 maps and one without, not 3.",
        ),
        ({"feature_size": 40}, "feature_size: must be a multiple of 32, the groups of its norms, not 40."),
        (
            {"backbone_config": {"model_type": "dinov2"}},
            "backbone_config.model_type: segkit-mask2former reads the backbones swin and resnet, not 'dinov2'.",
        ),
        (
            {"backbone_config": {"model_type": "swin", "out_features": ["stage2", "stage3"]}},
            "backbone_config.out_features: must name the first four stages of the backbone, not ['stage2', 'stage3'].",
        ),
    ],
)
def test_what_is_not_supported_is_refused(written, settings, message):
    _, folder = written("resnet18")
    edit(folder / "config.json", **settings)
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    assert str(caught.value) == f"{folder}/config.json: {message}"


def test_other_tensors_are_refused(written):
    _, folder = written("resnet18")
    edit(folder / "config.json", num_queries=8)
    with pytest.raises(CheckpointError, match=r"the weights are not those of the model that the config describes"):
        read(folder)


PARTS = {
    "backbone": {"type": "timm", "name": "resnet18"},
    "pixel_decoder": {"type": "msdeform", "hidden_dim": 32, "num_layers": 1, "feedforward_dim": 32},
    "transformer_decoder": {"type": "masked_attention", "hidden_dim": 32, "num_layers": 3, "feedforward_dim": 32},
}
CLASSES = Classes.make(["sky", "sea"])


def write(folder, criterion=None, **parts):
    model = {"type": "mask_former", **{kind: {**part, **parts.get(kind, {})} for kind, part in PARTS.items()}}
    config = load_config({"model": model, **({"criterion": criterion} if criterion else {})}, name="config")
    return HuggingFaceMask2Former().write(build_model(config, CLASSES), config, CLASSES, folder)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"pixel_decoder": {"num_points": 2}},
            "pixel_decoder.num_points: cannot be written for transformers: their layers have 4.",
        ),
        (
            {"pixel_decoder": {"hidden_dim": 48}},
            "pixel_decoder.hidden_dim: cannot be written for transformers: their norms have 32 groups, so it must be a "
            "multiple.",
        ),
        (
            {"transformer_decoder": {"num_heads": 4}},
            "transformer_decoder.num_heads: cannot be written for transformers: both decoders have equally many.",
        ),
        (
            {"transformer_decoder": {"dropout": 0.1}},
            "transformer_decoder.dropout: cannot be written for transformers: both decoders have the same.",
        ),
        (
            {"transformer_decoder": {"num_layers": 2}},
            "transformer_decoder.num_layers: cannot be written for transformers: their decoder has 3 or more.",
        ),
        (
            {"backbone": {"options": {"out_indices": [2, 3, 4]}}},
            "backbone.options.out_indices: cannot be written for transformers: their Mask2Former has the maps of the "
            "first four stages.",
        ),
        (
            {"backbone": {"name": "convnext_atto"}},
            "backbone.name: cannot be written for transformers: their models have Swin and ResNet backbones, not "
            "'convnext_atto'. Use one of timm's swin_… or resnet18, resnet34, resnet26, resnet50, resnet101, "
            "resnet152.",
        ),
    ],
)
def test_what_transformers_does_not_have_is_refused(tmp_path, parts, message):
    with pytest.raises(CheckpointError) as caught:
        write(tmp_path, **parts)
    assert str(caught.value) == f"config: model.{message}"


def test_a_criterion_that_transformers_does_not_have_is_told(tmp_path):
    criterion = {
        "matcher": {"type": "hungarian", "mask_loss": "focal"},
        "losses": [{"type": "cross_entropy"}, {"type": "focal"}, {"type": "dice"}],
        "void": "ignore",
        "deep_supervision": False,
    }
    assert write(tmp_path, criterion) == [
        "transformers does not have the losses focal",
        "transformers matches by the weights and points of the losses, whatever criterion.matcher says",
        "transformers computes the losses of masks at 12544 points, the config at every pixel",
        "transformers counts unlabeled pixels as outside every mask, whatever criterion.void says",
        "transformers always computes the losses of all layers, whatever criterion.deep_supervision says",
    ]


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_the_code_of_the_model_card_runs(written, tmp_path, monkeypatch, task):
    """As somebody pastes it who found the folder on the hub."""
    imported = read(written("resnet18")[1])
    checkpoint, back = tmp_path / "ours", tmp_path / "back"
    config = load_config(imported.config.data, [f"postprocessors=[{{type: {task}}}]"])
    save_checkpoint(checkpoint, imported.model, config, imported.classes)
    export_checkpoint(checkpoint, back, "huggingface_mask2former")
    monkeypatch.chdir(back)
    Image.effect_noise((60, 40), 90).save("street.jpg")
    (code,) = re.findall(r"```python\n(.*?)```", (back / "README.md").read_text(), re.DOTALL)
    assert f"post_process_{task}_segmentation" in code
    variables = {}
    exec(code, variables)
    result = variables["result"]
    assert (result if task == "semantic" else result["segmentation"]).shape == (40, 60)
