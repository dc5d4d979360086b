"""What a conversion does not keep is told, setting by setting, and nothing else."""

import re
from pathlib import Path

import pytest

from segkit.build import build_model
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.config import load_config
from segkit.interop.converting import export_checkpoint, import_checkpoint
from segkit.interop.lost_settings import lost_settings

CONFIG = {
    "model": {
        "type": "mask_former",
        "backbone": {"type": "timm", "name": "resnet18"},
        "pixel_decoder": {"type": "fpn", "hidden_dim": 32, "mask_dim": 16},
        "transformer_decoder": {"type": "standard", "num_layers": 2, "num_heads": 2, "hidden_dim": 16},
    },
    "criterion": {
        "matcher": {"type": "hungarian"},
        "losses": [
            {"type": "cross_entropy", "weight": 1.0},
            {"type": "focal", "weight": 20.0},
            {"type": "dice", "weight": 1.0},
        ],
        "void": "negative",
        "deep_supervision": False,
    },
    "postprocessors": [{"type": "semantic"}],
}
CLASSES = Classes.make(["sky", "sea", "ship"])


def lost(folder, *changes):
    """The settings that a conversion of the changed config tells as lost."""
    config = load_config(CONFIG, list(changes))
    save_checkpoint(folder / "ours", build_model(config, CLASSES), config, CLASSES)
    notes = export_checkpoint(folder / "ours", folder / "theirs", "huggingface_mask_former")
    return {note.partition(" = ")[0]: note.partition(" = ")[2] for note in notes if "not kept by the files" in note}


def test_nothing_is_told_where_nothing_is_lost(tmp_path):
    assert lost(tmp_path) == {}
    assert import_checkpoint(tmp_path / "theirs").classes.names == CLASSES.names


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ("model.size_divisor=64", "64 is not kept by the files: read again, it is null"),
        ("model.backbone.frozen=true", "true is not kept by the files"),
        ("model.backbone.freeze_batch_norm=true", "true is not kept by the files: read again, it is false"),
        ("model.backbone.gradient_checkpointing=true", "true is not kept by the files: read again, it is false"),
        ("model.backbone.options.drop_path_rate=0.1", "0.1 is not kept by the files"),
        ("criterion.void=ignore", "ignore is not kept by the files: read again, it is negative"),
        ("criterion.points=100", "100 is not kept by the files: read again, it is null"),
        ("criterion.matcher.num_points=100", "100 is not kept by the files: read again, it is null"),
        ("criterion.losses.1.gamma=1.0", "1.0 is not kept by the files: read again, it is 2.0"),
        ("postprocessors=[{type: panoptic, score_threshold: 0.3}]", "0.3 is not kept by the files: read again, it is "),
    ],
)
def test_what_is_lost_is_told(tmp_path, change, note):
    found = lost(tmp_path, change)
    name = re.sub(r"losses\.1", "losses.focal", change.partition("=")[0])
    name = {"postprocessors": "postprocessors.panoptic.score_threshold"}.get(name, name)
    assert found[name].startswith(note)
    assert {one for one in found if not one.startswith(name.rpartition(".")[0])} == set()


def test_a_lost_part_is_told_once():
    changed = ["criterion.losses.1.gamma=1.0", "postprocessors=[{type: semantic}, {type: panoptic}]"]
    before = load_config(CONFIG, changed)
    losses = "[{type: cross_entropy, weight: 1.0}, {type: focal, weight: 20.0}]"
    after = load_config(CONFIG, [f"criterion.losses={losses}"])
    found = lost_settings(before, after)
    assert found == [
        "criterion.losses.dice is not kept by the files",
        "postprocessors.panoptic is not kept by the files",
        "criterion.losses.focal.gamma = 1.0 is not kept by the files: read again, it is 2.0",
    ]
    assert lost_settings(before, after, ["postprocessors.panoptic is another program's affair"]) == [found[0], found[2]]


def test_weights_of_losses_decide_about_the_costs_of_matches(tmp_path):
    assert lost(tmp_path, "criterion.losses.1.weight=3.0") == {
        "criterion.matcher.mask_cost": "20.0 is not kept by the files: read again, it is 3.0"
    }


@pytest.mark.parametrize(
    "change",
    ["model.pixel_mean=[1.5, 2.25, 3.1]", "model.transformer_decoder.dropout=0.25"],
)
def test_what_is_kept_is_not_told(tmp_path, change):
    assert lost(tmp_path, change) == {}


def test_what_is_told_already_is_not_told_again():
    before, after = (load_config(CONFIG, changes) for changes in (["model.size_divisor=64"], []))
    assert lost_settings(before, after, ["the files have no model.size_divisor. Images are padded"]) == []
    for note in ("the files have no model.size_divisor_x", "the files have no model.size_divisor.least", "nothing"):
        assert len(lost_settings(before, after, [note])) == 1


def test_how_a_training_began_is_no_setting_of_a_checkpoint():
    before = load_config(CONFIG, ["model.backbone.pretrained=true", "model.backbone.name=resnet18.a1_in1k"])
    assert lost_settings(before, load_config(CONFIG)) == []


@pytest.mark.slow
@pytest.mark.parametrize("file", ["ade20k_r50", "camvid_r18", "coco_instance_sample_r18"])
def test_two_conversions_lose_nothing_more(tmp_path, file):
    """What comes back is what the files say: written and read once more, nothing changes."""
    config = load_config(Path(__file__).parents[2] / f"configs/mask_former/{file}.yaml")
    save_checkpoint(tmp_path / "ours", build_model(config, CLASSES, initial_weights=False), config, CLASSES)
    export_checkpoint(tmp_path / "ours", tmp_path / "theirs", "huggingface_mask_former")
    first = import_checkpoint(tmp_path / "theirs")
    save_checkpoint(tmp_path / "again", first.model, first.config, first.classes)
    notes = export_checkpoint(tmp_path / "again", tmp_path / "twice", "huggingface_mask_former")
    assert [note for note in notes if "not kept by the files" in note] == []
