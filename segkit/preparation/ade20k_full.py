"""ADE20K with 847 classes: images of at most 512 pixels on the shorter side, and 16-bit label files."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from segkit.data.opening import opened
from segkit.data.paths import dataset_folder
from segkit.preparation._steps import Split, Step, files_of, images_of
from segkit.runtime.reading import read_utf8
from segkit.runtime.shipped import shipped_path
from segkit.types import Size

ROOT = "ADE20K_2021_17_01"
SPLITS = (("training", 25574), ("validation", 2000))
"""Folder and published images of each split."""
LARGEST = 512
"""Pixels of the shorter side of what is written."""
VOID = 65535


def prepare() -> list[Split]:
    """Returns the steps that write `images_detectron2` and `annotations_detectron2`."""
    root, label_of = dataset_folder(ROOT), label_table()
    splits = []
    for name, published in SPLITS:
        images = images_of(f"{ROOT}/images/ADE/{name}", ".jpg")
        steps = []
        for image in images:
            steps.append(Step(root / "images_detectron2" / name / image.name, partial(_write_image, image)))
            labels = image.with_name(f"{image.stem}_seg.png")
            output = _label_file(root / "annotations_detectron2" / name, image.stem)
            steps.append(Step(output, partial(_write_labels, label_of, labels), files_of(image, labels)))
        splits.append(Split(name, len(images), published, steps))
    return splits


def _label_file(folder: Path, stem: str) -> Path:
    """Returns the label file of an image: another program may have written it as TIFF, with the same ids."""
    tiff = folder / f"{stem}.tif"
    return tiff if tiff.exists() else folder / f"{stem}.png"


def label_table() -> npt.NDArray[np.uint16]:
    """Returns the label id by number of objects.txt, (65536,), VOID for objects that are no class.

    Example:
        >>> label_table()[[2978, 312, 1]].tolist()
        [0, 1, 65535]
    """
    table = np.full(65536, VOID, dtype=np.uint16)
    lines = read_utf8(shipped_path("segkit://classes/ade20k_full_847.csv")).splitlines()
    for line in lines:
        cells = line.split(";")
        if line.startswith("#") or not cells[-1].isdigit() or len(cells) != 4:
            continue
        table[int(cells[3])] = int(cells[0])
    return table


def small_size(size: Size) -> Size:
    """Returns the (height, width) to write an image of `size` with.

    Example:
        >>> small_size((1024, 2000)), small_size((400, 2000))
        ((512, 1000), (400, 2000))
    """
    scale = min(1.0, LARGEST / min(size))
    return round(size[0] * scale), round(size[1] * scale)


def _write_image(source: Path, draft: Path) -> None:
    with opened(source) as image:
        height, width = small_size((image.height, image.width))
        image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR).save(draft, format="JPEG", quality=95)


def _write_labels(label_of: npt.NDArray[np.uint16], source: Path, draft: Path) -> None:
    with opened(source) as image:
        height, width = small_size((image.height, image.width))
        channels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.NEAREST), dtype=np.int32)
    # Red holds the hundreds of an object's number in steps of ten, green the rest.
    Image.fromarray(label_of[channels[..., 0] // 10 * 256 + channels[..., 1]]).save(draft, format="PNG")
