"""Checkpoints for tests of prediction and evaluation."""

import torch

from segkit.build import build_model, dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.config import load_config
from tests.helpers.tiny import write_tiny


def save_checkpoint_of_instances(folder, instance):
    """Saves random weights that find instances, of equal scores, in every image; returns the checkpoint's folder.

    `instance` is the postprocessor of instances, in YAML.
    """
    parts = [
        f"postprocessors=[{{type: semantic}}, {{type: panoptic, score_threshold: 0}}, {instance}]",
        "evaluators=[{type: mean_iou}, {type: panoptic_quality}, {type: average_precision}]",
    ]
    config = load_config(write_tiny(folder), parts)
    torch.manual_seed(0)
    model = build_model(config)
    torch.nn.init.zeros_(model.transformer_decoder.class_head.weight)
    save_checkpoint(folder / "last", model, config, dataset_classes(config))
    return folder / "last"
