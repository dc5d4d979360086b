"""Which tensors have a row for each class."""

import pytest

from segkit.classes import Classes
from segkit.config import load_config
from segkit.training.class_axes import class_axes
from tests.helpers.tiny import write_tiny

CLASSES = Classes.make(["a", "b", "c"], things=[True, True, False])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mask_former", {"transformer_decoder.class_head.weight": 0, "transformer_decoder.class_head.bias": 0}),
        ("per_pixel", {"classifier.weight": 0, "classifier.bias": 0}),
    ],
)
def test_the_tensors_of_the_class_list(tmp_path, name, expected):
    assert class_axes(load_config(write_tiny(tmp_path, name)), CLASSES) == expected
