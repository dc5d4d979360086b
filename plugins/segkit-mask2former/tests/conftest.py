"""Small Mask2Formers of transformers with random weights that make every part matter."""

import sys
from pathlib import Path

import pytest
import torch
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, Mask2FormerImageProcessor

sys.path.insert(0, str(Path(__file__).parent))  # for the tests' own helpers

LABELS = ("sky", "road", "car")
STAGES = ["stage1", "stage2", "stage3", "stage4"]
SWIN = {"model_type": "swin", "embed_dim": 12, "num_heads": [1, 2, 3, 4], "out_features": STAGES, "drop_path_rate": 0.0}
RESNET = {"model_type": "resnet", "out_features": STAGES}
BACKBONES = {
    "swin": {**SWIN, "depths": [2, 2, 2, 2]},
    "swin of other sizes": {**SWIN, "depths": [1, 2, 3, 1], "window_size": 4, "mlp_ratio": 2.5, "qkv_bias": False},
    "resnet18": {**RESNET, "layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [8, 16, 24, 32]},
    "resnet50": {**RESNET, "depths": [3, 4, 6, 3], "hidden_sizes": [16, 32, 48, 64]},
}
SETTINGS = {
    "hidden_dim": 32,
    "feature_size": 32,
    "mask_feature_size": 16,
    "encoder_feedforward_dim": 48,
    "dim_feedforward": 40,
    "encoder_layers": 2,
    "decoder_layers": 5,
    "num_attention_heads": 4,
    "num_queries": 7,
}
OTHERS = {
    "swin of other sizes": {"hidden_dim": 48, "mask_feature_size": 24, "decoder_layers": 4, "class_weight": 1.5},
    "resnet50": {"feature_size": 64, "encoder_layers": 1, "num_queries": 3, "oversample_ratio": 2.0},
}


@torch.no_grad()
def randomize(model):
    """Fills all tensors so that each matters: matrices that keep the scale, norms near 1."""
    for name, tensor in model.state_dict().items():
        noise = torch.randn_like(tensor.float())
        if name == "criterion.empty_weight" or "swin.layernorm" in name or not tensor.is_floating_point():
            continue
        if tensor.dim() > 1:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
        elif name.endswith("running_var"):
            tensor.copy_(1 + 0.1 * noise.abs())
        else:
            tensor.copy_(0.1 * noise + (name.endswith("weight") and "level" not in name))
    return model


@pytest.fixture
def make_theirs():
    """Makes a model in eval mode, without dropout."""

    def make(name, **settings):
        torch.manual_seed(len(name))
        config = Mask2FormerConfig(
            backbone_config=BACKBONES[name],
            id2label=dict(enumerate(LABELS)),
            label2id={label: index for index, label in enumerate(LABELS)},
            **{**SETTINGS, **OTHERS.get(name, {}), **settings},
        )
        return randomize(Mask2FormerForUniversalSegmentation(config)).eval()

    return make


@pytest.fixture
def written(make_theirs, tmp_path):
    """Makes (model, the folder that it was saved to)."""

    def write(name, **settings):
        theirs = make_theirs(name, **settings)
        theirs.save_pretrained(tmp_path / "theirs")
        processor = Mask2FormerImageProcessor(
            size={"shortest_edge": 64, "longest_edge": 128}, ignore_index=255, num_labels=len(LABELS)
        )
        processor.save_pretrained(tmp_path / "theirs")
        return theirs, tmp_path / "theirs"

    return write
