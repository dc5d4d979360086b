"""Checkpoint folders: written, read, refused, and taken in part."""

import json

import pytest
import torch

from segkit.build import build_model
from segkit.checkpoint import (
    load_checkpoint,
    load_model,
    read_weights,
    save_checkpoint,
)
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.runtime.weights import load_fitting

CLASSES = Classes.make(["sky", "road", "car"], things=[False, False, True])
YAML = """
model:
  type: mask_former
  backbone: {type: timm, name: resnet18, pretrained: true}
  pixel_decoder: {type: fpn, hidden_dim: 32, mask_dim: 16}
  transformer_decoder:
    {type: standard, num_queries: 5, num_layers: 1, num_heads: 2, hidden_dim: 32, feedforward_dim: 32}
postprocessors: [{type: semantic}]
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("config") / "tiny.yaml"
    file.write_text(YAML)
    return load_config(file)


@pytest.fixture(scope="module")
def model(config):
    torch.manual_seed(0)
    return build_model(config, CLASSES, initial_weights=False).eval()


@pytest.fixture
def folder(tmp_path, config, model):
    save_checkpoint(tmp_path / "checkpoint", model, config, CLASSES)
    return tmp_path / "checkpoint"


def test_a_checkpoint_alone_gives_the_same_model(folder, model):
    """Without fetching the pretrained weights that its config names."""
    checkpoint = load_checkpoint(folder)
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.model(images).mask_logits, model(images).mask_logits)
    assert checkpoint.classes == CLASSES
    assert not checkpoint.model.training
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS", "classes.json", "config.yaml", "model.safetensors"
    ]  # fmt: skip


def test_saving_again_replaces_and_leaves_nothing_behind(folder, config, model):
    save_checkpoint(folder, model, config, CLASSES)
    assert [path.name for path in folder.parent.iterdir()] == ["checkpoint"]
    load_checkpoint(folder)


def test_a_run_folder_means_its_best_or_last(folder):
    run = folder.parent / "run"
    run.mkdir()
    folder.rename(run / "last")
    load_model(run)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path / "nothing")
    assert str(caught.value) == (
        f"{tmp_path}/nothing: no such folder. A checkpoint is a folder with model.safetensors, config.yaml and "
        "classes.json; a run folder can be named too."
    )


def test_a_damaged_file_is_named(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    assert str(caught.value) == (
        f"{weights}: is damaged: its digest differs from SHA256SUMS. Use another checkpoint. If you changed files "
        f"yourself, remove {folder}/SHA256SUMS."
    )
    (folder / "SHA256SUMS").unlink()  # as earlier versions left it
    with pytest.raises(CheckpointError, match=r"model.safetensors: cannot be read .* Use another checkpoint\."):
        load_checkpoint(folder)


def test_a_class_list_in_another_order_than_that_of_the_weights_is_refused(folder):
    file = folder / "classes.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "names": ["road", "sky", "car"]}))
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    assert str(caught.value) == (
        f"{file}: differs from model.safetensors: the same 3 classes in another order; class 0 is 'sky' there, 'road' "
        "here. Restore their order, or use another checkpoint."
    )


def test_a_checkpoint_whose_digests_were_removed_says_so(folder):
    """Its classes may be renamed."""
    file = folder / "classes.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "names": ["sky", "street", "car"]}))
    (folder / "SHA256SUMS").unlink()
    with pytest.warns(UserWarning, match="has no SHA256SUMS") as warned:
        assert load_checkpoint(folder).classes.names == ("sky", "street", "car")
    assert [str(one.message) for one in warned] == [
        f"{folder}: has no SHA256SUMS, so that damage to its files cannot be found."
    ]


def test_a_missing_class_list_is_named(folder):
    (folder / "classes.json").unlink()
    with pytest.raises(CheckpointError, match=r"classes.json: cannot be read \(No such file or directory\)"):
        load_checkpoint(folder)


def test_a_config_that_does_not_fit_says_which_tensors(folder):
    file = folder / "config.yaml"
    file.write_text(file.read_text().replace("num_queries: 5", "num_queries: 7"))
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    count = len(read_weights(folder))
    assert str(caught.value) == (
        f"{folder}: does not fit the model of {file}: {count - 1} tensors loaded; 1 with another shape or type, not "
        "used: transformer_decoder.query_positions.weight: (5, 32), (7, 32)."
    )


def test_the_report_accounts_for_every_tensor(model):
    weights = dict(model.state_dict())
    weights["pixel_decoder.mask_features.bias"] = torch.zeros(3)
    weights["extra"] = weights.pop("transformer_decoder.norm.weight")
    report = load_fitting(model, weights)
    assert report.missing == ["transformer_decoder.norm.weight"]
    assert report.unexpected == ["extra"]
    assert report.reshaped == ["pixel_decoder.mask_features.bias: (3,), (16,)"]
    assert len(report.loaded) == len(weights) - 2


def test_the_class_list_survives(folder):
    assert json.loads((folder / "classes.json").read_text())["names"] == ["sky", "road", "car"]


@pytest.mark.parametrize("path", [5, "", " "])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    assert str(caught.value) == f"checkpoint: {path!r} is no path. Pass the folder of a checkpoint or run."


def test_the_saved_config_names_the_pixel_values_of_the_backbone(tmp_path):
    lite = {"type": "timm", "name": "tf_efficientnet_lite0"}
    config = load_config({"model": {"type": "per_pixel", "backbone": lite, "pixel_decoder": {"type": "fpn"}}})
    save_checkpoint(tmp_path / "checkpoint", build_model(config, CLASSES), config, CLASSES)
    saved = load_config(tmp_path / "checkpoint")
    assert saved["model"]["pixel_mean"] == saved["model"]["pixel_std"] == [127.5, 127.5, 127.5]
    # Without them, it is a checkpoint of an earlier version, whose images were normalized by ImageNet's values.
    (tmp_path / "checkpoint" / "SHA256SUMS").unlink()
    (tmp_path / "checkpoint" / "config.yaml").write_text(config.to_yaml())
    assert load_model(tmp_path / "checkpoint").pixel_mean == (123.675, 116.28, 103.53)


@pytest.mark.parametrize(("dtype", "kind"), [(torch.int8, "integers"), (torch.bool, "booleans")])
def test_numbers_of_another_kind_do_not_fit(model, dtype, kind):
    """Copied, they would be weights without meaning."""
    weights = dict(model.state_dict())
    name = "pixel_decoder.mask_features.bias"
    weights[name] = torch.ones(16, dtype=dtype)
    before = weights["pixel_decoder.mask_features.weight"].clone()
    report = load_fitting(model, weights)
    assert not report.complete
    assert report.reshaped == [f"{name}: {kind}, floats"]
    assert torch.equal(model.state_dict()["pixel_decoder.mask_features.weight"], before)


def test_half_precision_fits(model):
    weights = {name: one.half() if one.is_floating_point() else one for name, one in model.state_dict().items()}
    assert load_fitting(model, weights).complete
