"""Parts that do not trace are named."""

import pytest
import torch
from torch import nn

from segkit.classes import Classes
from segkit.errors import ExportError
from segkit.export.program import ExportProgram
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.export.tracing import trace
from segkit.models._base import SegmentationModel
from segkit.postprocessors.semantic import Semantic
from segkit.types import PixelPrediction


class DependsOnValues(nn.Module):
    def forward(self, maps):
        return maps[:, :1] if float(maps.sum()) > 0 else maps[:, 1:]


class FixesSize(nn.Module):
    def forward(self, maps):
        return maps.reshape(2, 3, 64 * 97).view(2, 3, 64, 97)


class Tiny(SegmentationModel):
    size_divisor = 1

    def __init__(self, part):
        super().__init__()
        self.part = nn.Sequential(nn.ReLU(), part)

    def forward(self, images, sizes=None):
        return PixelPrediction(self.part(images.float()))


def program(part):
    return ExportProgram(Tiny(part).eval(), TASKS["semantic"], Semantic(Classes.make(["sky", "sea"])))


def test_a_part_that_depends_on_values():
    with pytest.raises(ExportError) as error:
        trace(program(DependsOnValues()), SizeRange((33, 33), (512, 512)))
    message = str(error.value)
    assert message.startswith("part.1 (DependsOnValues) does not trace: Could not guard on data-dependent expression")
    assert message.endswith(
        " Computations must not depend on values of tensors, and sizes must stay symbolic. A fixed size may help: "
        "--size HxW."
    )


def test_a_part_of_one_size():
    with pytest.raises(ExportError) as error:
        trace(program(FixesSize()), SizeRange((33, 33), (512, 512)))
    assert str(error.value) == (
        "part.1 (FixesSize) does not trace: shape '[2, 3, 6208]' is invalid for input of size 9306. Computations must "
        "not depend on values of tensors, and sizes must stay symbolic. A fixed size may help: --size HxW."
    )


def test_a_program_of_any_size():
    traced = trace(program(nn.ReLU()), SizeRange((33, 33), (512, 512)))
    images = torch.randint(256, (3, 3, 40, 51), dtype=torch.uint8)
    assert traced.module()(images)["label_map"].shape == (3, 40, 51)
