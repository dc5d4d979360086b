"""Picture and label files to what a training step takes."""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from segkit.benchmark.case import Contest, Setting
from segkit.benchmark.equality import require_close, require_same
from segkit.benchmark.inputs import CLASSES, drawn_picture, drawn_target
from segkit.benchmark.peer import transformers
from segkit.build import build_part
from segkit.data.loading import collate_training
from segkit.ops.normalization import IMAGENET_MEAN, IMAGENET_STD, PixelNormalization
from segkit.registries import DATASETS, TRANSFORMS

Prepared = tuple[Tensor, Tensor, Tensor]
"""Pixel values (1,3,H,W), labels (N,), masks (N,H,W)."""


def preprocessing(setting: Setting, segments: int = 20) -> Contest:
    """A JPEG and a PNG of 20 classes to normalized pixels, labels and a mask per class, of transformers' default size.

    segkit does the last two steps where the model is: its batches hold bytes and one map of segment numbers. Here it
    does them at once, so that both programs end with the same.
    """
    size = (setting.side(512), setting.side(512) * 683 // 512)
    folder = tempfile.TemporaryDirectory()
    picture, labels = Path(folder.name) / "images" / "a.jpg", Path(folder.name) / "labels" / "a.png"
    for file in (picture, labels):
        file.parent.mkdir()
    Image.fromarray(drawn_picture(size).permute(1, 2, 0).numpy()).save(picture)
    target = drawn_target(size, segments, setting.device)
    Image.fromarray(target.label_map(void=255).cpu().numpy().astype(np.uint8)).save(labels)
    names = {"images": str(picture.parent), "labels": str(labels.parent), "classes": list(CLASSES.names)}
    dataset = build_part(DATASETS, {"type": "mask_folder", **names})
    sizes = {"sizes": setting.side(800), "max_size": round(1333 * setting.scale)}
    resize = build_part(TRANSFORMS, {"type": "resize_shortest_edge", **sizes, "size_divisor": 32, "rounding": "down"})
    normalize = PixelNormalization(IMAGENET_MEAN, IMAGENET_STD)
    edges = {"shortest_edge": sizes["sizes"], "longest_edge": sizes["max_size"]}
    processor = transformers().MaskFormerImageProcessor(size=edges, ignore_index=255)

    def ours_once() -> Prepared:
        batch = collate_training([resize(dataset[0])], size_divisor=1)
        (target,) = batch.targets
        return normalize(batch.images), target.labels, target.masks

    def theirs_once() -> Prepared:
        with Image.open(picture) as opened, Image.open(labels) as opened_labels:
            inputs = processor(opened.convert("RGB"), np.array(opened_labels), return_tensors="pt")
        return inputs["pixel_values"], inputs["class_labels"][0], inputs["mask_labels"][0]

    def check() -> None:
        ours, theirs = ours_once(), theirs_once()
        require_close("pixel values", ours[0], theirs[0])
        require_same("class labels", ours[1], theirs[1].long())
        require_same("masks", ours[2], theirs[2].bool())

    height, width = resize.size_of(size, sizes["sizes"])
    work = f"picture and label file to tensors, {size[0]}x{size[1]} to {height}x{width}, {segments} classes"
    return Contest(work, ours_once, theirs_once, check, held=folder)
