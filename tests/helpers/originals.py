"""Helpers of the tests of original checkpoints: configs, tensors and names of the golden results."""

import json
import pickle
import re
import zlib
from pathlib import Path

import numpy as np
import torch

from segkit.build import build_model
from segkit.classes import Classes
from segkit.config import load_config
from segkit.interop.original import load_original

ROOT = Path(__file__).parents[2]
CONFIGS = {
    "ade20k-150__maskformer_R50_bs16_160k": "mask_former/ade20k_r50",
    "ade20k-150__maskformer_R101c_bs16_160k": "mask_former/ade20k_r101c",
    "ade20k-150__swin__maskformer_swin_tiny_bs16_160k": "mask_former/ade20k_swin_tiny",
    "coco-panoptic__maskformer_panoptic_R50_bs64_554k": "mask_former/coco_panoptic_r50",
    "ade20k-150__per_pixel_baseline_R50_bs16_160k": "per_pixel/ade20k_r50",
    "ade20k-150__per_pixel_baseline_plus_R50_bs16_160k": "per_pixel/ade20k_r50_plus",
}
"""Golden result -> the config of the same model."""
R50, R101C, SWIN_T, PANOPTIC, PER_PIXEL, PER_PIXEL_PLUS = CONFIGS


def made_tensor(name, shape):
    """Returns the weights of the golden results, which follow from the tensors' names; see their README."""
    x = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if name.endswith("running_var"):
        return np.abs(x) + np.float32(0.5)
    if len(shape) > 1:
        return (x / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    return 1 + np.float32(0.1) * x if name.endswith("weight") else np.float32(0.1) * x


def older(name):
    return name.replace("sem_seg_head.pixel_decoder.", "sem_seg_head.")


class Unfilled:
    """A config's model on torch's meta device, to load tensors that have shapes but no values."""

    def __init__(self, config, overrides=(), num_classes=150):
        self.config = load_config(ROOT / f"configs/{config}.yaml", overrides)
        with torch.device("meta"):
            self.model = build_model(self.config, classes_of(num_classes), initial_weights=False)

    def load(self, shapes, **more):
        tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()} | more
        return load_original(self.model, tensors, "model.pkl", self.config)


def classes_of(count):
    return Classes.make([f"class {index}" for index in range(count)])


def read_facts(folder, name):
    """Returns the shapes of a golden result's tensors, by original names, and its number of classes."""
    facts = json.loads((folder / f"original/{name}.json").read_text())
    return {key: tuple(shape) for key, shape in facts["tensors"].items()}, facts["num_classes"]


PER_PIXEL_YAML = """
model:
  type: per_pixel
  backbone: {type: timm, name: resnet18, options: {out_indices: [3, 4]}}
  pixel_decoder: {type: fpn, hidden_dim: 32, mask_dim: 16}
"""
"""A small model of segkit's that the original has too."""


def write_original(folder, wrong=None):
    """Writes the state dict of `PER_PIXEL_YAML`'s model under the original's names, and the config beside it."""
    (folder / "x.yaml").write_text(PER_PIXEL_YAML)
    model = build_model(load_config(folder / "x.yaml"), Classes.make(["sky", "car", "road"]))
    names = {
        "body.conv1.weight": "stem.conv1.weight",
        "body.bn1.": "stem.conv1.norm.",
    }
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensors[_original(name, names)] = tensor.numpy()
    tensors |= wrong or {}
    (folder / "model.pkl").write_bytes(pickle.dumps({"model": tensors}))
    (folder / "names.txt").write_text("sky\ncar\nroad\n")
    return model


def _original(name, names):
    if name.startswith("backbone.body.layer"):
        name = re.sub(r"body\.layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
        name = name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
        return re.sub(r"\.bn(\d)\.", r".conv\1.norm.", name)
    for ours, theirs in names.items():
        name = name.replace(ours, theirs)
    name = re.sub(r"^pixel_decoder\.laterals\.(\d)\.0", _numbered("adapter_"), name)
    name = re.sub(r"^pixel_decoder\.laterals\.(\d)\.1", _numbered("adapter_", ".norm"), name)
    name = re.sub(r"^pixel_decoder\.outputs\.(\d)\.0", _numbered("layer_"), name)
    name = re.sub(r"^pixel_decoder\.outputs\.(\d)\.1", _numbered("layer_", ".norm"), name)
    name = name.replace("pixel_decoder.mask_features", "sem_seg_head.pixel_decoder.mask_features")
    return name.replace("classifier.", "sem_seg_head.predictor.")


def _numbered(stem, end=""):
    return lambda match: f"sem_seg_head.pixel_decoder.{stem}{int(match[1]) + 1}{end}"
