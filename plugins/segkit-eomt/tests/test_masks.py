"""The mask module keeps little for the backward pass."""

import torch
from segkit_eomt.masks import UpscaleBlock


def test_a_block_keeps_one_map_of_its_output_size():
    """And its gradients are those of the plain layers."""
    torch.manual_seed(0)
    block, kept = UpscaleBlock(8), []
    features = torch.randn(2, 3, 4, 8).permute(0, 3, 1, 2).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        found = block(features)
    assert sum(tensor.shape == (2, 8, 6, 8) for tensor in kept) == 1
    smoothed = block.smooth(block.activation(block.upsample(features)))
    expected = block.norm(smoothed.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected)
    factors, inputs = torch.randn_like(found), [features, *block.parameters()]
    both = [torch.autograd.grad((one * factors).sum(), inputs) for one in (found, expected)]
    torch.testing.assert_close(*both)
