"""Drawn images of five bands of 16 bits, as NumPy's files, with label files of three classes."""

import numpy as np
from PIL import Image

CLASSES = ["ground", "low", "high"]
PIXELS = {"pixel_type": "uint16", "pixel_mean": [9000] * 4 + [12000], "pixel_std": [2000] * 4 + [8000]}
"""Settings of a model of them."""


def write_bands(folder, count, seed=0, size=32):
    """Writes images of rectangles, whose class shows in the fifth band alone; returns the settings of `mask_folder`."""
    rng = np.random.default_rng(seed)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        image = rng.normal(8000, 400, (size, size, 5))
        labels = np.zeros((size, size), dtype=np.uint8)
        for label in rng.permutation([1, 2]):
            height, width = rng.integers(size // 3, size // 2, 2)
            top, left = rng.integers(0, size - height), rng.integers(0, size - width)
            place = slice(top, top + height), slice(left, left + width)
            image[place] = rng.normal(12000, 400, (height, width, 5))
            image[(*place, 4)] = rng.normal(12000 if label == 1 else 40000, 400, (height, width))
            labels[place] = label
        np.save(folder / f"images/{number}.npy", image.clip(0, 65535).astype(np.uint16))
        Image.fromarray(labels).save(folder / f"labels/{number}.png")
    paths = {name: str(folder / name) for name in ("images", "labels")}
    return {"type": "mask_folder", **paths, "classes": CLASSES, "channels": 5, "pixel_type": "uint16"}
