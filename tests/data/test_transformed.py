"""A transform that refuses a sample is told with the sample's file."""

import pytest
import torch

from segkit.data.transformed import transformed
from segkit.errors import DataError
from segkit.types import Sample

SAMPLE = Sample(torch.zeros(3, 2, 2, dtype=torch.uint8), None, "images/a.png", "a")


@pytest.mark.parametrize(
    ("said", "message"),
    [("too small.", "images/a.png: too small."), ("images/a.png: too small.", "images/a.png: too small.")],
)
def test_the_file_is_named_once(said, message):
    def refuse(_):
        raise DataError(said)

    with pytest.raises(DataError) as caught:
        transformed(SAMPLE, [lambda sample: sample, refuse])
    assert str(caught.value) == message
