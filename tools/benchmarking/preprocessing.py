"""Cases of preprocessing: images and label maps to the input of a training step."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from benchmarking.case import Options, Workload
from benchmarking.equality import require_close, require_same
from benchmarking.inputs import CLASSES, drawn_image, drawn_target
from benchmarking.peer import transformers
from segkit.build import build_part
from segkit.data.collating import collate_training
from segkit.data.image_source import to_image
from segkit.layers.normalization import IMAGENET_MEAN, IMAGENET_STD, PixelNormalization
from segkit.ops.targets import label_map_of
from segkit.registries import DATASETS, TRANSFORMS
from segkit.transforms.resize_shortest_edge import ResizeShortestEdge
from segkit.types import Batch, Sample

Expanded = tuple[Tensor, Tensor, Tensor]
"""Pixel values (1,3,H,W), labels (N,), masks (N,H,W)."""


def preprocessing(options: Options, segments: int = 20, expanded: bool = False) -> Workload:
    """Prepares a decoded image and its label map for a batch of transformers' default size.

    segkit's loader returns uint8 pixels and one map of segment numbers; the training step normalizes the pixels and
    makes masks of the matched segments. transformers returns normalized pixels and one mask per segment. With
    `expanded`, segkit makes these here too.
    """
    size = (options.side(512), options.side(512) * 683 // 512)
    image = drawn_image(size).permute(1, 2, 0).contiguous().numpy()
    label_map = label_map_of(drawn_target(size, segments, options.device), void=255).cpu().numpy().astype(np.uint8)
    sizes = {"sizes": options.side(800), "max_size": round(1333 * options.scale)}
    resize = build_part(TRANSFORMS, {"type": "resize_shortest_edge", **sizes, "size_divisor": 32, "rounding": "down"})
    assert isinstance(resize, ResizeShortestEdge)
    normalize = PixelNormalization(IMAGENET_MEAN, IMAGENET_STD)
    edges = {"shortest_edge": sizes["sizes"], "longest_edge": sizes["max_size"]}
    processor = transformers().MaskFormerImageProcessor(size=edges, ignore_index=255)
    folder = tempfile.TemporaryDirectory()
    dataset = _dataset(Path(folder.name))

    def batched() -> Batch:
        target = dataset.target_of(label_map, Path("a.png"))
        return collate_training([resize(Sample(to_image(image), target, "a.png", 0))], size_divisor=1)

    def expand(batch: Batch) -> Expanded:
        (target,) = batch.targets
        return normalize(batch.images), target.labels, target.masks

    def theirs_once() -> Expanded:
        inputs = processor(image, label_map, return_tensors="pt")
        return inputs["pixel_values"], inputs["class_labels"][0], inputs["mask_labels"][0]

    def check() -> None:
        ours, theirs = expand(batched()), theirs_once()
        require_close("pixel values", ours[0], theirs[0])
        require_same("class labels", ours[1], theirs[1].long())
        require_same("masks", ours[2], theirs[2].bool())

    height, width = resize.size_of(size, sizes["sizes"])
    what = "normalized pixels and masks" if expanded else "a batch"
    work = f"preprocessing, {size[0]}x{size[1]} with {segments} classes to {what} of {height}x{width}"
    return Workload(work, (lambda: expand(batched())) if expanded else batched, theirs_once, check, held=folder)


def _dataset(folder: Path) -> Any:
    """Makes a `mask_folder` dataset. Its one image is never read."""
    names = {"images": str(folder / "images"), "labels": str(folder / "labels"), "classes": list(CLASSES.names)}
    for part in ("images", "labels"):
        (folder / part).mkdir()
        Image.new("L", (1, 1)).save(folder / part / "a.png")
    return build_part(DATASETS, {"type": "mask_folder", **names})
