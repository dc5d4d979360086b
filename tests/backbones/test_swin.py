"""Swin on maps that are no multiple of its windows: which rows attend to each other."""

from copy import deepcopy

import pytest
import torch

from segkit.registries import BACKBONES


@pytest.fixture(scope="module", params=["swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256"])
def block(request):
    """A block with shifted windows of the first stage: windows of 7, shifted by 3, width 96."""
    torch.manual_seed(0)
    backbone = BACKBONES.get("timm")(name=request.param, options={"window_size": 7}).eval()
    return backbone.body.layers_0.blocks[1]


def attending_rows(block, row, height=16):
    """The rows of a map of `height` whose attention changes with `row`."""
    tokens = torch.randn(1, height, 14, 96)
    changed = tokens.clone()
    changed[:, row] = torch.randn(14, 96)
    with torch.no_grad():
        # Without the norm after it, whose weights are zero in a new SwinV2.
        difference = (block._attn(changed) - block._attn(tokens)).abs().amax(dim=(0, 2, 3))
    return difference.nonzero().flatten().tolist()


@pytest.mark.parametrize(
    ("row", "window"), [(0, range(3)), (2, range(3)), (3, range(3, 10)), (10, range(10, 16)), (15, range(10, 16))]
)
def test_shifted_windows_do_not_join_the_top_and_the_bottom(block, row, window):
    assert attending_rows(block, row) == list(window)


def test_whole_windows_are_as_in_timm(block):
    plain = deepcopy(block)
    plain.__class__ = type(block).__bases__[-1]  # timm's
    tokens = torch.randn(1, 14, 21, 96)
    with torch.no_grad():
        assert torch.equal(block(tokens), plain(tokens))


def test_the_last_stage_shifts_too():
    """timm leaves this out where a stage's map is one window at the size a model was published for."""
    body = BACKBONES.get("timm")(name="swin_tiny_patch4_window7_224").body
    assert [stage.blocks[1].shift_size for stage in (body.layers_0, body.layers_3)] == [(3, 3), (3, 3)]
