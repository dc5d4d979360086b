"""Small models of transformers with random weights, and ours with the same weights."""

import sys
from pathlib import Path

import pytest
import torch
from segkit_eomt.model import EoMT
from segkit_eomt.names import ours_from
from timm.layers import resample_abs_pos_embed
from torch import nn
from transformers import (
    EomtConfig,
    EomtDinov3Config,
    EomtDinov3ForUniversalSegmentation,
    EomtForUniversalSegmentation,
)

sys.path.insert(0, str(Path(__file__).parent))  # for the tests' own helpers

LABELS = ("sky", "road", "car")

# name -> (timm model, whether positions are rotary, settings that both programs have)
BODIES = {
    "dinov2": ("vit_small_patch14_reg4_dinov2", False, {"hidden_size": 32, "num_hidden_layers": 4, "num_blocks": 2}),
    "dinov2 of one head": (
        "vit_base_patch14_reg4_dinov2",
        False,
        {"hidden_size": 24, "num_hidden_layers": 3, "num_blocks": 3, "num_attention_heads": 1, "patch_size": 8},
    ),
    "dinov3": ("vit_small_patch16_dinov3_qkvb", True, {"hidden_size": 32, "num_hidden_layers": 4, "num_blocks": 3}),
    "dinov3 without biases": (
        "vit_large_patch16_dinov3",
        True,
        {"hidden_size": 48, "num_hidden_layers": 3, "num_blocks": 1, "num_attention_heads": 3},
    ),
}
SHARED = {"num_attention_heads": 2, "patch_size": 16, "num_queries": 7}


def randomize(model):
    """Fills all tensors so that each matters: matrices that keep the scale, norms and layer scales other than 1."""
    for name, tensor in model.state_dict().items():
        noise = torch.randn_like(tensor)
        if name in ("criterion.empty_weight", "attn_mask_probs"):
            continue
        if name.endswith(("_token", "_tokens", "query.weight", "position_embeddings.weight")):
            tensor.copy_(noise)
        elif tensor.dim() > 1:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
        else:
            tensor.copy_(0.1 * noise + name.endswith(("weight", "lambda1")))
    return model


def their_model(name, size, **settings):
    """Builds a model of transformers that takes images of `size`. Its own takes one square size alone."""
    _, rotary, shared = BODIES[name]
    shared = {**SHARED, **shared}
    patch = shared["patch_size"]
    common = {
        "image_size": 64,
        "num_upscale_blocks": 2 if patch == 16 else 1,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: index for index, label in enumerate(LABELS)},
        **shared,
        **settings,
    }
    if rotary:
        bias = "biases" not in name
        theirs = EomtDinov3ForUniversalSegmentation(
            EomtDinov3Config(
                intermediate_size=4 * shared["hidden_size"],
                layer_norm_eps=1e-5,
                pos_embed_rescale=None,
                query_bias=bias,
                value_bias=bias,
                **common,
            )
        )
    else:
        theirs = EomtForUniversalSegmentation(EomtConfig(**common))
    randomize(theirs)
    return theirs


def our_model(name, theirs, **settings):
    """Builds our model with the weights of `theirs`."""
    body, rotary, shared = BODIES[name]
    shared = {**SHARED, **shared}
    options = {
        "embed_dim": shared["hidden_size"],
        "depth": shared["num_hidden_layers"],
        "num_heads": shared["num_attention_heads"],
    }
    ours = EoMT(
        len(LABELS),
        name=body,
        image_size=None if rotary else 64,
        patch_size=shared["patch_size"],
        num_queries=shared["num_queries"],
        num_blocks=shared["num_blocks"],
        options=options,
        **settings,
    )
    ours.load_state_dict(ours_from(theirs.state_dict(), ours.state_dict(), rotary))
    return ours


@torch.no_grad()
def resize_theirs(theirs, size, patch):
    """Lets transformers' model take another size: positions are interpolated as timm does."""
    theirs.grid_size = grid = (size[0] // patch, size[1] // patch)
    if hasattr(theirs.embeddings, "position_embeddings"):
        stored = theirs.embeddings.position_embeddings.weight
        side = round(len(stored) ** 0.5)
        positions = resample_abs_pos_embed(stored[None], new_size=grid, old_size=(side, side), num_prefix_tokens=0)
        theirs.embeddings.position_embeddings = nn.Embedding.from_pretrained(positions[0], freeze=False)
        theirs.embeddings.position_ids = torch.arange(grid[0] * grid[1])[None]


@pytest.fixture
def pair():
    """Makes (ours, theirs) of equal weights for images of a size."""

    def make(name, size=(64, 64), seed=0, **settings):
        torch.manual_seed(seed)
        theirs = their_model(name, size, **settings)
        ours = our_model(name, theirs)
        if size != (64, 64):
            resize_theirs(theirs, size, ours.size_divisor)
        return ours.eval(), theirs.eval()

    return make
