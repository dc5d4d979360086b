"""Export to Hugging Face: unsupported settings are named, and a failed export leaves no files."""

import json

import pytest

from segkit.build import build_model
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.interop.converting import export_checkpoint
from segkit.interop.huggingface import import_huggingface
from tests.helpers.huggingface_cases import export_huggingface, write_theirs

SWIN = {
    "type": "timm",
    "name": "swin_tiny_patch4_window7_224",
    "stage_norm": True,
    "options": {"embed_dim": 12, "depths": [1, 1, 2, 1], "num_heads": [1, 1, 2, 2]},
}
RESNET = {"type": "timm", "name": "resnet18", "options": {"layers": [1, 1, 1, 1], "channels": [8, 16, 24, 32]}}


def write_ours(folder, *, backbone=RESNET, pixel_decoder=None, decoder=None, transforms=None, **model):
    """Writes a checkpoint folder of segkit."""
    parts = {
        "type": "mask_former",
        "backbone": backbone,
        "pixel_decoder": {"type": "fpn", "hidden_dim": 32, "mask_dim": 16, **(pixel_decoder or {})},
        "transformer_decoder": {
            "type": "standard",
            "num_queries": 5,
            "num_layers": 1,
            "num_heads": 2,
            "hidden_dim": 16,
            "feedforward_dim": 16,
            **(decoder or {}),
        },
        **model,
    }
    data = {"data": {"val": {"transforms": transforms}}} if transforms is not None else {}
    config = load_config({"model": parts, **data}, name="test")
    classes = Classes.make(["sky", "road"])
    save_checkpoint(folder, build_model(config, classes), config, classes)
    return folder


def refusal(ours, destination):
    with pytest.raises(CheckpointError) as caught:
        export_huggingface(ours, destination)
    assert sorted(path.name for path in destination.parent.iterdir()) == [ours.name], "something was left behind"
    return str(caught.value)


def test_a_model_of_other_images_than_rgb_is_refused(tmp_path):
    ours = write_ours(tmp_path / "ours", pixel_mean=[1.0] * 4, pixel_std=[2.0] * 4)
    with pytest.raises(CheckpointError) as caught:
        export_checkpoint(ours, tmp_path / "theirs", "huggingface_mask_former")
    assert str(caught.value) == (
        f"{ours}: its model takes images of 4 channels of uint8, but the image processors of other programs prepare "
        "RGB of 8 bits. It cannot be converted."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"backbone": {"type": "timm", "name": "convnext_atto"}},
            "model.backbone.name: cannot be written for transformers: their models have Swin and ResNet "
            "backbones, not 'convnext_atto'. Use one of timm's swin_… or resnet18, resnet34, resnet26, resnet50, "
            "resnet101, resnet152.",
        ),
        (
            {"backbone": {"type": "timm", "name": "resnet18d"}},
            "model.backbone.name: cannot be written for transformers: their models have Swin and ResNet "
            "backbones, not 'resnet18d'. Use one of timm's swin_… or resnet18, resnet34, resnet26, resnet50, "
            "resnet101, resnet152.",
        ),
        (
            {"backbone": {**RESNET, "multi_grid": [2]}},
            "model.backbone.multi_grid: cannot be written for transformers: their ResNet has no dilated convolutions.",
        ),
        (
            {"backbone": {"type": "timm", "name": "resnet18", "options": {"avg_down": True}}},
            "model.backbone.options.avg_down: cannot be written for transformers: their config cannot express this "
            "option.",
        ),
        (
            {"backbone": {**RESNET, "stage_norm": True}},
            "model.backbone.stage_norm: cannot be written for transformers: their ResNet has no norm on its feature "
            "maps.",
        ),
        (
            {"backbone": {**SWIN, "stage_norm": False}},
            "model.backbone.stage_norm: cannot be written for transformers: their Swin has a norm on every feature map,"
            " and this one has none.",
        ),
        (
            {"backbone": {**SWIN, "options": {**SWIN["options"], "window_size": [7, 7, 14, 7]}}},
            "model.backbone.name: cannot be written for transformers: their Swin has one square window for all stages, "
            "this one has several.",
        ),
        (
            {"backbone": {**SWIN, "options": {**SWIN["options"], "mlp_ratio": [4, 2, 4, 4]}}},
            "model.backbone.options: cannot be written for transformers: their Swin has one mlp_ratio and doubles "
            "its width at every stage, this one does not.",
        ),
        (
            {
                "backbone": {
                    **SWIN,
                    "options": {**SWIN["options"], "depths": [1, 1, 1, 2], "always_partition": False},
                }
            },
            "model.backbone.options.always_partition: cannot be written for transformers: their Swin shifts windows "
            "in all stages. Remove this option.",
        ),
        (
            {"backbone": {**RESNET, "options": {**RESNET["options"], "out_indices": [4]}}},
            "model.backbone.options.out_indices: cannot be written for transformers: their pixel decoder needs two "
            "feature maps or more.",
        ),
        (
            {
                "pixel_decoder": {
                    "type": "transformer_fpn",
                    "num_layers": 1,
                    "num_heads": 2,
                    "feedforward_dim": 16,
                }
            },
            "model.pixel_decoder.type: cannot be written for transformers: their MaskFormer has no "
            "'transformer_fpn'. Use 'fpn'.",
        ),
        (
            {"pixel_decoder": {"hidden_dim": 48}},
            "model.pixel_decoder.hidden_dim: cannot be written for transformers: their group norms have 32 groups, "
            "and 48 is not a multiple of that.",
        ),
        (
            {"decoder": {"pre_norm": True}},
            "model.transformer_decoder.pre_norm: cannot be written for transformers: their decoder always has false.",
        ),
        (
            {"type": "per_pixel", "decoder": {"class_head": False, "num_queries": 2}},
            "model.type: cannot be written for transformers: only 'mask_former' can, and this model is 'per_pixel'.",
        ),
        (
            {"transforms": [{"type": "resize_shortest_edge", "sizes": 64}, {"type": "pad", "size": [64, 64]}]},
            "data.val.transforms: cannot be written for transformers: its image processor only resizes, once; it "
            "has no 'pad' beside that. Keep one resize_shortest_edge, one resize, or none.",
        ),
        (
            {"transforms": [{"type": "resize_shortest_edge", "sizes": [64, 96]}]},
            (
                "data.val.transforms.0.sizes: cannot be written for transformers: its image processor has one size, "
                "not a choice of [64, 96]. Give one."
            ),
        ),
    ],
)
def test_unsupported_settings_are_named(tmp_path, settings, message):
    ours = write_ours(tmp_path / "ours", **settings)
    assert refusal(ours, tmp_path / "back") == f"{ours}/config.yaml: {message}"


def test_a_part_of_a_plugin_is_named(tmp_path):
    (tmp_path / "parts.py").write_text(
        "from segkit.pixel_decoders.fpn import FPN\n"
        "from segkit.registries import PIXEL_DECODERS\n"
        "@PIXEL_DECODERS.register('acme_fpn')\n"
        "class AcmeFPN(FPN):\n"
        "    'A pyramid of another make.'\n"
    )
    exec((tmp_path / "parts.py").read_text(), {"__name__": "acme_parts"})
    (tmp_path / "parts.py").unlink()
    ours = write_ours(tmp_path / "ours", pixel_decoder={"type": "acme_fpn"})
    assert refusal(ours, tmp_path / "back") == (
        f"{ours}/config.yaml: model.pixel_decoder.type: cannot be written for transformers: their MaskFormer has no "
        "'acme_fpn'. Use 'fpn'."
    )


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "mine.txt").write_text("keep me")
    with pytest.raises(CheckpointError) as caught:
        export_huggingface(tmp_path / "no such checkpoint", tmp_path / "back")
    assert str(caught.value) == (
        f"{tmp_path}/back: exists already and is not an empty folder. Name another, or remove it."
    )
    assert (tmp_path / "back" / "mine.txt").read_text() == "keep me"
    assert [path.name for path in tmp_path.iterdir()] == ["back"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "back").mkdir()
    export_huggingface(write_ours(tmp_path / "ours"), tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "ours"]
    files = sorted(path.name for path in (tmp_path / "back").iterdir())
    assert files == ["README.md", "config.json", "model.safetensors", "preprocessor_config.json"]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("segkit.interop.huggingface.writing.save_file", full)
    ours = write_ours(tmp_path / "ours")
    message = refusal(ours, tmp_path / "back")
    assert message == f"{tmp_path}/back: cannot be written (No space left on device)."


def test_the_processor_of_other_transforms(tmp_path):
    """segkit's transforms without a bound of the longer side, and with padding instead of a divisor."""
    ours = write_ours(tmp_path / "ours", transforms=[{"type": "resize_shortest_edge", "sizes": [96]}])
    export_huggingface(ours, tmp_path / "back")
    written = json.loads((tmp_path / "back" / "preprocessor_config.json").read_text())
    assert written["size"] == {"shortest_edge": 96, "longest_edge": 1_000_000}
    assert written["size_divisor"] == 32
    assert written["do_reduce_labels"] is False


def test_without_a_criterion_their_defaults_are_written(tmp_path):
    export_huggingface(write_ours(tmp_path / "ours", backbone=SWIN), tmp_path / "back")
    config = json.loads((tmp_path / "back" / "config.json").read_text())
    weights = {"cross_entropy_weight": 1.0, "mask_weight": 20.0, "dice_weight": 1.0, "no_object_weight": 0.1}
    assert {key: config[key] for key in weights} == weights
    assert config["use_auxiliary_loss"] is False


def test_dropout_is_kept_in_both_directions(tmp_path):
    write_theirs(tmp_path / "there", "swin")
    file = tmp_path / "there" / "config.json"
    config = json.loads(file.read_text())
    drops = {
        "backbone_config": {"drop_path_rate": 0.25, "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.3},
        "decoder_config": {"dropout": 0.2, "attention_dropout": 0.2, "activation_dropout": 0.2},
    }
    for section, values in drops.items():
        config[section] |= values
    file.write_text(json.dumps(config))
    imported = import_huggingface(tmp_path / "there")
    assert imported.notes[-1] == (
        "in training, the backbone's dropout acts in slightly other places than in transformers"
    )
    save_checkpoint(tmp_path / "ours", imported.model, imported.config, imported.classes)
    export_huggingface(tmp_path / "ours", tmp_path / "back")
    back = json.loads((tmp_path / "back" / "config.json").read_text())
    assert {section: {key: back[section][key] for key in values} for section, values in drops.items()} == drops
