"""Checkpoints of the original Mask2Former give the model that transformers' conversion gives."""

import pickle

import numpy as np
import pytest
import torch
from mask2former_originals import arrays_of, entries_of, in_transformers
from segkit_mask2former.formats import HuggingFaceMask2Former
from segkit_mask2former.original_format import OriginalMask2Former
from transformers import Mask2FormerForUniversalSegmentation

import segkit
from segkit import testing
from segkit.classes import Classes
from segkit.cli.main import main
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.interop.converting import find_format
from segkit.runtime.checkpoint_source import CheckpointSource

CLASSES = Classes.make(["sky", "road", "car"], [False, False, True])
DECODERS = {
    "pixels": 32,
    "mask": 16,
    "heads": 4,
    "encoder_layers": 2,
    "decoder_layers": 4,
    "queries": 7,
    "queries_dim": 32,
    "feedforward": 40,
}
MODELS = {
    "swin": (
        {**DECODERS, "swin": {"width": 12, "depths": [1, 2, 2, 1], "heads": [1, 2, 3, 4], "window": 7}},
        {
            "name": "swin_tiny_patch4_window7_224",
            "stage_norm": True,
            "options": {"embed_dim": 12, "depths": [1, 2, 2, 1], "num_heads": [1, 2, 3, 4]},
        },
    ),
    "resnet": (
        {**DECODERS, "resnet": {"channels": [4, 8, 12, 16], "depths": [3, 4, 6, 3]}},
        {"name": "resnet50", "options": {"channels": [4, 8, 12, 16]}},
    ),
    "resnet of another width": (
        {
            **DECODERS,
            "queries_dim": 48,
            "mask": 24,
            "resnet": {"channels": [4, 8, 12, 16], "depths": [1, 1, 2, 1], "counter": True},
        },
        {"name": "resnet50", "options": {"channels": [4, 8, 12, 16], "layers": [1, 1, 2, 1]}},
    ),
}
each_model = pytest.mark.parametrize("name", MODELS)


def config_of(name, **changes):
    sizes, backbone = MODELS[name]
    model = {
        "type": "mask_former",
        "backbone": {"type": "timm", **backbone},
        "pixel_decoder": {
            "type": "msdeform",
            "hidden_dim": sizes["pixels"],
            "mask_dim": sizes["mask"],
            "num_layers": sizes["encoder_layers"],
            "num_heads": sizes["heads"],
        },
        "transformer_decoder": {
            "type": "masked_attention",
            "num_queries": sizes["queries"],
            "num_layers": sizes["decoder_layers"],
            "num_heads": sizes["heads"],
            "hidden_dim": sizes["queries_dim"],
            "feedforward_dim": sizes["feedforward"],
            **changes,
        },
    }
    return load_config({"model": model}, name="model.yaml")


@pytest.fixture
def written(tmp_path):
    """Writes a checkpoint as the original's zoo has them, and returns (its entries, its arrays, the file)."""

    def write(name, rename=str, **more):
        entries = entries_of(MODELS[name][0], len(CLASSES))
        arrays = arrays_of(entries, seed=len(name))
        file = tmp_path / "model_final_123abc.pkl"
        renamed = {rename(key): array for key, array in arrays.items()}
        file.write_bytes(pickle.dumps({"model": {**renamed, **more}, "__author__": "third_party"}, protocol=4))
        return entries, arrays, file

    return write


def read(file, name, **changes):
    return OriginalMask2Former().read(
        CheckpointSource(file), config=config_of(name, **changes), classes=CLASSES, things=None
    )


@each_model
def test_it_becomes_what_transformers_conversion_makes_of_it(written, tmp_path, name):
    entries, arrays, file = written(name)
    imported = read(file, name)
    folder = tmp_path / "huggingface"
    folder.mkdir()
    HuggingFaceMask2Former().write(imported.model, imported.config, imported.classes, folder)
    theirs = Mask2FormerForUniversalSegmentation.from_pretrained(folder).eval()
    expected = {key: torch.from_numpy(array) for key, array in in_transformers(entries, arrays).items()}
    state = theirs.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in expected.items())
    unused = ("num_batches_tracked", "swin.layernorm.weight", "swin.layernorm.bias", "criterion.empty_weight")
    assert all(key in expected or key.endswith(unused) for key in state)
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        layers = imported.model(images).layers
        found = theirs(imported.model.normalization(images), output_auxiliary_logits=True)
    for own, other in zip(layers, [*found.auxiliary_logits, found], strict=True):
        for kind, key in (("class_logits", "class_queries_logits"), ("mask_logits", "masks_queries_logits")):
            assert float((getattr(own, kind) - other[key]).abs().max()) <= 1e-4 * float(other[key].abs().max())


@each_model
def test_every_tensor_is_accounted_for(written, name):
    _, arrays, file = written(name)
    imported = read(file, name)
    report = imported.report
    assert sorted([*report.loaded, *report.unexpected]) == sorted(arrays)
    follow = ("criterion.empty_weight", ".relative_position_index")  # from the config
    assert all(entry.endswith(follow) for entry in report.unexpected)
    own = imported.model.state_dict()
    counters = sum(key.endswith("num_batches_tracked") for key in own)
    loaded = sum(arrays[key].size for key in report.loaded if not key.endswith("num_batches_tracked"))
    assert loaded == sum(tensor.numel() for tensor in own.values()) - counters
    assert not imported.model.training
    assert imported.classes == CLASSES
    assert any("CC BY-NC 4.0" in note for note in imported.notes)


@each_model
def test_the_format_keeps_its_contract(written, name):
    _, _, file = written(name)
    assert find_format(CheckpointSource(file)) == "original_mask2former"
    testing.check_checkpoint_format(OriginalMask2Former(), file, config=config_of(name), classes=CLASSES)


def test_older_names_and_files_of_a_training_are_read(written, tmp_path):
    def older(name):
        return name.replace("sem_seg_head.pixel_decoder.", "sem_seg_head.").replace("query_feat", "static_query")

    _, arrays, file = written("resnet", rename=older)
    expected = read(file, "resnet").model.state_dict()
    # Buffers of the pixels lie in files of older versions.
    mean, std = (
        np.array(values, np.float32)[:, None, None] for values in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    )
    tensors = {
        name: torch.from_numpy(array) for name, array in {**arrays, "pixel_mean": mean, "pixel_std": std}.items()
    }
    trained = tmp_path / "model_0004999.pth"
    torch.save({"model": tensors, "optimizer": {"state": {}}, "iteration": 4999}, trained)
    assert find_format(CheckpointSource(trained)) == "original_mask2former"
    state = read(trained, "resnet").model.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], tensor) for key, tensor in expected.items())


def test_convert(written, tmp_path, capsys):
    _, arrays, file = written("resnet")
    config, classes, ours = tmp_path / "model.yaml", tmp_path / "classes.csv", tmp_path / "ours"
    config.write_text(config_of("resnet").to_yaml())
    classes.write_text("sky\nroad\ncar\n")
    command = ["convert", str(file), str(ours), "--config", str(config), "--classes", str(classes)]
    assert main([*command, "--things", "car"]) == 0
    printed = capsys.readouterr().out
    assert "note: the published models of the original are under CC BY-NC 4.0" in printed
    model = segkit.load_model(ours)
    offsets = "sem_seg_head.pixel_decoder.transformer.encoder.layers.1.self_attn.sampling_offsets.weight"
    assert np.array_equal(model.state_dict()["pixel_decoder.layers.1.attention.offsets.weight"], arrays[offsets])
    back = tmp_path / "back"
    assert main(["convert", str(ours), str(back), "--to", "huggingface_mask2former"]) == 0
    assert main(["convert", str(back), str(tmp_path / "again"), "--things", "car"]) == 0
    again = segkit.load_model(tmp_path / "again").state_dict()
    assert all(torch.equal(again[key], tensor) for key, tensor in model.state_dict().items())


def test_classes_without_a_list_are_numbered(written):
    _, _, file = written("resnet")
    imported = OriginalMask2Former().read(CheckpointSource(file), config=config_of("resnet"), things=["class 1"])
    assert imported.classes.names == ("class 0", "class 1", "class 2")
    assert imported.classes.things == (False, True, False)
    assert imported.notes[0].startswith("the 3 classes are numbered, because their names are not known: ")


def test_another_models_config_is_told(written):
    _, _, file = written("resnet")
    with pytest.raises(CheckpointError) as caught:
        read(file, "resnet", num_queries=8)
    assert str(caught.value) == (
        f"{file}: does not fit the model of model.yaml:\n"
        "  transformer_decoder (masked_attention): 7 queries in the file, 8 in the config's model\n"
        "Choose the config the file was made with, or change these settings to match it."
    )


def test_without_a_config_it_is_refused(written):
    _, _, file = written("resnet")
    with pytest.raises(CheckpointError) as caught:
        OriginalMask2Former().read(CheckpointSource(file))
    assert str(caught.value) == (
        f"{file}: an original checkpoint holds only tensors. Give the config of its model, such as --config "
        "configs/coco_panoptic_r50.yaml."
    )
