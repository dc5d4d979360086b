"""Checkpoints of transformers' EoMT are read and written, bit by bit."""

import pytest
import torch
from safetensors.torch import load_file
from segkit_eomt.formats import HuggingFaceEoMT
from transformers import AutoModelForUniversalSegmentation, EomtImageProcessor

from segkit import testing
from segkit.errors import CheckpointError
from segkit.interop.converting import find_format
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
