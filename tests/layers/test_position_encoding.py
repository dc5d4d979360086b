"""The sine position encoding against transformers'."""

import torch

from segkit.layers.position_encoding import sine_position_encoding


def test_it_agrees_with_transformers():
    from transformers.models.maskformer.modeling_maskformer import MaskFormerSinePositionEmbedding

    module = MaskFormerSinePositionEmbedding(num_position_features=16, normalize=True)
    theirs = module((1, 32, 5, 7), device=torch.device("cpu"), dtype=torch.float32)
    ours = sine_position_encoding(5, 7, 32)
    if theirs.dim() == 4:
        theirs = theirs.flatten(2).transpose(1, 2)
    torch.testing.assert_close(ours, theirs[0])
