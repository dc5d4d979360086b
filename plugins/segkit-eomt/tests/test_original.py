"""Checkpoints of the original EoMT give the model that transformers' conversion gives."""

import pytest
import torch
from eomt_originals import (
    BLOCKS,
    DEPTH,
    HEADS,
    PATCH,
    QUERIES,
    SIDE,
    WIDTH,
    entries_of,
    in_transformers,
    tensors_of,
)
from segkit_eomt.formats import HuggingFaceEoMT
from segkit_eomt.original_format import OriginalEoMT
from transformers import AutoModelForUniversalSegmentation

import segkit
from segkit import testing
from segkit.build import build_model
from segkit.classes import Classes
from segkit.cli.main import main
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.interop.converting import find_format
from segkit.runtime.checkpoint_source import CheckpointSource

CLASSES = Classes.make(["sky", "road", "car"], [False, False, True])
OPTIONS = {"embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS}
BODIES = {
    "dinov2": {"name": "vit_small_patch14_reg4_dinov2", "image_size": SIDE, "patch_size": PATCH},
    "dinov3": {"name": "vit_small_patch16_dinov3_qkvb"},
}
each_body = pytest.mark.parametrize("body", BODIES)
DINOV3 = "weights that come from DINOv3 are under its own license, the DINOv3 License, unlike segkit's code"


def config_of(body, **changes):
    sizes = {"num_queries": QUERIES, "num_blocks": BLOCKS, "options": OPTIONS}
    return load_config({"model": {"type": "eomt", **BODIES[body], **sizes, **changes}}, name="model.yaml")


@pytest.fixture
def written(tmp_path):
    """Writes a checkpoint as the original's zoo has them, and returns (its entries, its tensors, the file)."""

    def write(body):
        entries = entries_of(body, len(CLASSES))
        tensors = tensors_of(entries)
        file = tmp_path / "pytorch_model.bin"
        torch.save(tensors, file)
        return entries, tensors, file

    return write


def read(file, body, **changes):
    return OriginalEoMT().read(CheckpointSource(file), config=config_of(body, **changes), classes=CLASSES)


@each_body
def test_it_becomes_what_transformers_conversion_makes_of_it(written, tmp_path, body):
    entries, tensors, file = written(body)
    imported = read(file, body)
    folder = tmp_path / "huggingface"
    folder.mkdir()
    HuggingFaceEoMT().write(imported.model, imported.config, imported.classes, folder)
    theirs = AutoModelForUniversalSegmentation.from_pretrained(folder).eval()
    expected, state = in_transformers(entries, tensors), theirs.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in expected.items())
    unused = ("criterion.empty_weight", "embeddings.mask_token")
    assert all(key in expected or key in unused for key in state)
    theirs.grid_size = (SIDE // PATCH, SIDE // PATCH)  # files of a body with rotary positions do not tell the size
    images = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    with torch.no_grad():
        own = imported.model(images)
        found = theirs(imported.model.normalization(images))
    torch.testing.assert_close(own.class_logits, found.class_queries_logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(own.mask_logits, found.masks_queries_logits, rtol=1e-4, atol=1e-4)


@each_body
def test_every_tensor_is_accounted_for(written, body):
    _, tensors, file = written(body)
    imported = read(file, body)
    report = imported.report
    assert sorted([*report.loaded, *report.unexpected]) == sorted(tensors)
    assert report.unexpected == ["criterion.empty_weight"]
    assert imported.classes == CLASSES
    assert imported.notes == ["tensors that are not needed: 1 that weigh classes in the loss"] + (
        [DINOV3] if body == "dinov3" else []
    )


@each_body
def test_the_format_keeps_its_contract(written, body):
    _, _, file = written(body)
    assert find_format(CheckpointSource(file)) == "original_eomt"
    testing.check_checkpoint_format(OriginalEoMT(), file, config=config_of(body), classes=CLASSES)


def test_a_file_of_a_training_is_read_too(written, tmp_path):
    _, tensors, file = written("dinov2")
    trained = tmp_path / "last.ckpt"
    torch.save({"epoch": 11, "global_step": 9, "state_dict": tensors, "hyper_parameters": {"lr": 1e-4}}, trained)
    assert find_format(CheckpointSource(trained)) == "original_eomt"
    first, second = (read(one, "dinov2").model.state_dict() for one in (file, trained))
    assert all(torch.equal(second[key], tensor) for key, tensor in first.items())


def test_convert(written, tmp_path, capsys):
    _, tensors, file = written("dinov2")
    config, ours = tmp_path / "model.yaml", tmp_path / "ours"
    config.write_text(config_of("dinov2").to_yaml())
    assert main(["convert", str(file), str(ours), "--config", str(config), "--things", "class 2"]) == 0
    assert "note: the 3 classes are numbered" in capsys.readouterr().out
    model = segkit.load_model(ours)
    assert torch.equal(model.queries.weight, tensors["network.q.weight"])


def test_differences_are_added_to_the_published_weights(written, tmp_path):
    """The zoo's models on DINOv3: every buffer and parameter of the encoder is a difference, all others are whole."""
    _, tensors, file = written("dinov3")
    whole = read(file, "dinov3").model.state_dict()
    torch.manual_seed(0)
    initial = build_model(config_of("dinov3"), CLASSES)
    torch.save(initial.body.transformer.state_dict(), tmp_path / "body.pth")
    before = OriginalEoMT().read(CheckpointSource(file), config=config_of("dinov3"), classes=CLASSES).model
    before.load_state_dict(initial.state_dict())
    folder = tmp_path / "initial"
    folder.mkdir()
    HuggingFaceEoMT().write(before, config_of("dinov3"), CLASSES, folder)
    theirs = AutoModelForUniversalSegmentation.from_pretrained(folder).state_dict()
    changes = {}
    for name, _, there in entries_of("dinov3", len(CLASSES)):
        encoder = name.startswith("network.encoder.backbone.")
        changes[name] = tensors[name] - theirs[there[0]] if encoder else tensors[name]
    changes |= {f"network.encoder.pixel_{kind}": torch.zeros(1, 3, 1, 1) for kind in ("mean", "std")}
    changes["network.attn_mask_probs"] = -torch.ones(BLOCKS)
    torch.save(changes, file)
    imported = read(file, "dinov3", weights=str(tmp_path / "body.pth"))
    for key, tensor in imported.model.state_dict().items():
        torch.testing.assert_close(tensor, whole[key], rtol=1e-5, atol=1e-6)
    assert (
        imported.notes[0]
        == "the file holds differences to the published weights of the body, which were added to these"
    )
    with pytest.raises(CheckpointError) as caught:
        read(file, "dinov3")
    assert str(caught.value) == (
        f"{file}: holds the differences to the published weights of the body, as the original's zoo does for DINOv3. "
        "Set model.pretrained or model.weights in model.yaml, so that they can be added."
    )


def test_another_models_config_is_told(written):
    _, tensors, file = written("dinov2")
    with pytest.raises(CheckpointError) as caught:
        read(file, "dinov2", num_queries=8)
    assert str(caught.value) == (
        f"{file}: the weights are not those of the model that the config describes: {len(tensors) - 4} tensors loaded; "
        "1 with another shape or type, not used: network.q.weight: (7, 32), (8, 32)."
    )
    other = load_config(
        {
            "model": {
                "type": "mask_former",
                "backbone": {"type": "timm", "name": "resnet18"},
                "pixel_decoder": {"type": "fpn"},
                "transformer_decoder": {"type": "standard"},
            }
        },
        name="model.yaml",
    )
    with pytest.raises(CheckpointError) as caught:
        OriginalEoMT().read(CheckpointSource(file), config=other, classes=CLASSES)
    assert str(caught.value) == f"{file}: holds an EoMT, but model.yaml describes a 'mask_former'. Give its config."


def test_other_pixel_statistics_are_refused(written):
    _, _, file = written("dinov2")
    with pytest.raises(CheckpointError) as caught:
        read(file, "dinov2", pixel_mean=[0.0, 0.0, 0.0])
    assert str(caught.value) == (
        f"{file}: network.encoder.pixel_mean is [123.675, 116.28, 103.53] in the file, [0, 0, 0] in the config's "
        "model. Set model.pixel_mean to the file's, in the order red, green, blue."
    )


def test_without_a_config_it_is_refused(written):
    _, _, file = written("dinov2")
    with pytest.raises(CheckpointError) as caught:
        OriginalEoMT().read(CheckpointSource(file))
    assert str(caught.value) == (
        f"{file}: an original checkpoint holds only tensors. Give the config of its model, such as --config "
        "configs/coco_panoptic_large.yaml."
    )
