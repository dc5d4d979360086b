"""DINOv3's positions are those of timm, and trace for any map."""

import pytest
import torch
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from torch import nn
from torch.export import Dim

from segkit.layers.rotary_positions import TracedPositions, make_positions_traceable


@pytest.fixture(params=[{}, {"grid_offset": 0.25}, {"normalize_coords": "max"}, {"grid_indexing": "xy"}], ids=str)
def pair(request):
    """timm's positions, and segkit's of the same settings."""
    bodies = [nn.Sequential(RotaryEmbeddingDinoV3(16, **request.param)) for _ in range(2)]
    make_positions_traceable(bodies[1])
    return bodies[0][0], bodies[1][0]


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (7, 5), (40, 41)])
def test_equal_to_timm(pair, shape):
    timm, own = pair
    assert type(own) is TracedPositions
    assert torch.equal(timm.get_embed(shape), own.get_embed(shape))


def test_augmentation_in_training_is_timms():
    bodies = [nn.Sequential(RotaryEmbeddingDinoV3(16, shift_coords=0.1)).train() for _ in range(2)]
    make_positions_traceable(bodies[1])
    embedded = []
    for body in bodies:
        torch.manual_seed(0)
        embedded.append(body[0].get_embed((3, 4)))
    assert torch.equal(*embedded)


def test_traces_for_any_map():
    class OfMap(nn.Module):
        def __init__(self):
            super().__init__()
            self.rope = RotaryEmbeddingDinoV3(16)

        def forward(self, maps):
            return self.rope.get_embed(maps.shape[-2:])

    module = OfMap().eval()
    make_positions_traceable(module)
    shapes = ({0: Dim("height", min=2, max=100), 1: Dim("width", min=2, max=100)},)
    traced = torch.export.export(module, (torch.zeros(5, 6),), dynamic_shapes=shapes).module()
    assert torch.equal(traced(torch.zeros(9, 7)), module(torch.zeros(9, 7)))
