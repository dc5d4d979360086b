"""Every setting of their configs is read, changes nothing, or is told."""

import pytest
from transformers import (
    DetrConfig,
    MaskFormerConfig,
    MaskFormerImageProcessor,
    MaskFormerSwinConfig,
    ResNetConfig,
    SwinConfig,
)

from segkit.checkpoint import save_checkpoint
from segkit.interop.huggingface import import_huggingface
from segkit.interop.huggingface.fields import Fields
from segkit.interop.huggingface.left_out import NEUTRAL, left_out
from tests.helpers.huggingface_cases import export_huggingface, write_theirs
from tests.interop.test_huggingface_import import change

CONFIGS = {
    "MaskFormer": (MaskFormerConfig, ""),
    "Swin": (SwinConfig, "backbone_config."),
    "MaskFormer's Swin": (MaskFormerSwinConfig, "backbone_config."),
    "ResNet": (ResNetConfig, "backbone_config."),
    "DETR": (DetrConfig, "decoder_config."),
    "image processor": (MaskFormerImageProcessor, "preprocessor"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_field_of_theirs_is_known(name, tmp_path):
    make, place = CONFIGS[name]
    fields = Fields(make().to_dict(), tmp_path / "config.json")
    assert left_out(fields, place) == []


def test_what_older_files_hold_for_models_of_text_is_not_told(tmp_path):
    text = {"num_beams": 1, "temperature": 1.0, "tie_word_embeddings": True, "pruned_heads": {}, "bos_token_id": None}
    assert left_out(Fields({**text, "path_norm": True}, tmp_path / "config.json"), "backbone_config.") == []


@pytest.mark.parametrize("name", NEUTRAL)
def test_an_unsupported_value_is_told(name, tmp_path):
    place = "preprocessor" if name == "ignore_index" else "decoder_config."
    assert left_out(Fields({name: 3}, tmp_path / "config.json"), place) == [
        f"left out, since segkit has no such setting: {name} = 3 in config.json"
    ]


def test_notes_of_a_conversion(tmp_path):
    write_theirs(tmp_path / "theirs", "resnet18", use_auxiliary_loss=True)
    change(tmp_path / "theirs", new_feature=True, decoder_config__decoder_layerdrop=0.2)
    change(tmp_path / "theirs", "preprocessor_config.json", ignore_index=0)
    imported = import_huggingface(tmp_path / "theirs", ["car"])
    assert imported.notes[-3:] == [
        "left out, since segkit has no such setting: new_feature = True in config.json",
        "left out, since segkit has no such setting: decoder_config.decoder_layerdrop = 0.2 in config.json",
        "left out, since segkit has no such setting: ignore_index = 0 in preprocessor_config.json",
    ]
    save_checkpoint(tmp_path / "ours", imported.model, imported.config, imported.classes)
    assert export_huggingface(tmp_path / "ours", tmp_path / "back") == [
        "use_auxiliary_loss is false in the files, although the config has criterion.deep_supervision. To train on in "
        "transformers, set it to true: each of its forward passes then computes the masks of all layers",
        "the files do not tell things from stuff: 1 of 3 classes are things",
        "README.md is the model card: segkit does not know the license of the weights. Set it before you publish",
    ]
