"""The parts keep segkit's contracts, and configs find them by name."""

from pathlib import Path

import pytest
import torch
from segkit_mask2former.masked_attention import MaskedAttentionDecoder
from segkit_mask2former.msdeform import MSDeform
from segkit_mask2former.sampling import sample
from torch.nn.functional import grid_sample

import segkit
from segkit import testing
from segkit.errors import ConfigError
from segkit.registries import PIXEL_DECODERS, TRANSFORMER_DECODERS

EXAMPLE = Path(__file__).parents[1] / "configs" / "example.yaml"


def test_the_pixel_decoder_keeps_its_contract():
    testing.check_pixel_decoder(
        lambda features: MSDeform(features, hidden_dim=32, mask_dim=16, num_layers=2, feedforward_dim=48)
    )


def test_the_transformer_decoder_keeps_its_contract():
    testing.check_transformer_decoder(
        lambda memory, mask_dim, num_classes: MaskedAttentionDecoder(
            memory, mask_dim, num_classes, num_queries=5, num_layers=4, hidden_dim=32, feedforward_dim=48
        )
    )


def test_sampling_and_its_gradients_are_those_of_grid_sample():
    """At places inside, at the border and outside of maps."""
    torch.manual_seed(0)
    sizes, (batch, heads, width, points) = [(3, 5), (1, 1)], (2, 2, 4, 3)
    length = sum(height * width for height, width in sizes)
    values = torch.randn(batch, length, heads, width, requires_grad=True)
    places = (torch.rand(batch, length, heads, 2, points, 2) * 8 - 2).requires_grad_()
    weights = torch.rand(batch, length, heads, 2, points, requires_grad=True)
    expected = 0
    for index, ((rows, columns), part) in enumerate(zip(sizes, values.split([15, 1], dim=1), strict=True)):
        maps = part.permute(0, 2, 3, 1).reshape(batch * heads, width, rows, columns)
        grid = (places[:, :, :, index] + 0.5) / torch.tensor([columns, rows]) * 2 - 1
        found = grid_sample(maps, grid.transpose(1, 2).flatten(0, 1), align_corners=False)  # (B*M, D, S, P)
        expected = expected + (found * weights[:, :, :, index].transpose(1, 2).flatten(0, 1)[:, None]).sum(-1)
    expected = expected.unflatten(0, (batch, heads)).permute(0, 3, 1, 2).flatten(2)
    ours = sample(values, places, weights, sizes)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
    factors = torch.randn_like(ours)
    inputs = [values, places, weights]
    found, wanted = (torch.autograd.grad((one * factors).sum(), inputs) for one in (ours, expected))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_sampling_keeps_its_inputs_alone_for_the_backward_pass():
    kept = []
    values, places = torch.ones(2, 6, 1, 4, requires_grad=True), torch.ones(2, 6, 1, 1, 9, 2, requires_grad=True)
    weights = torch.ones(2, 6, 1, 1, 9, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        sample(values, places, weights, [(2, 3)])
    assert sum(tensor.numel() for tensor in kept) == 2 * 6 * 7 * 4 + places.numel() + weights.numel()  # with borders


def test_widths_that_cannot_be_shared_are_refused():
    message = "hidden_dim: must be a multiple of 4 and of num_heads, which is 8; 36 is not."
    features = [segkit.types.Feature(8, 4)]
    with pytest.raises(ConfigError) as caught:
        MSDeform(features, hidden_dim=36)
    assert str(caught.value) == f"pixel_decoder 'msdeform': {message}"
    with pytest.raises(ConfigError) as caught:
        MaskedAttentionDecoder(features, 8, 3, hidden_dim=36)
    assert str(caught.value) == f"transformer_decoder 'masked_attention': {message}"


def test_configs_find_the_parts_by_name():
    assert PIXEL_DECODERS.get("msdeform") is MSDeform
    assert TRANSFORMER_DECODERS.get("masked_attention") is MaskedAttentionDecoder
    model = segkit.build_model(segkit.load_config(EXAMPLE))
    prediction = model(torch.zeros(1, 3, 96, 128, dtype=torch.uint8))
    assert prediction.mask_logits.shape == (1, 16, 24, 32)
    assert len(prediction.auxiliary) == 3
