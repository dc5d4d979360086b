"""The names of classes within a file of weights: whatever else is there counts as none."""

import pytest
import torch
from safetensors.torch import save_file

from segkit.runtime.recorded_classes import class_record, recorded_classes


def test_names_are_read_as_they_were_recorded(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", class_record(["Straße", 'a "b"']))
    assert recorded_classes(tmp_path / "a.safetensors") == ["Straße", 'a "b"']


@pytest.mark.parametrize("metadata", [None, {}, {"classes": "no JSON"}, {"classes": "{}"}, {"classes": "[1]"}])
def test_other_metadata_records_nothing(tmp_path, metadata):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata)
    assert recorded_classes(tmp_path / "a.safetensors") is None


def test_a_damaged_file_records_nothing(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"damaged")
    assert recorded_classes(tmp_path / "a.safetensors") is None
