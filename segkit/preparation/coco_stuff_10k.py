"""COCO-Stuff 10K: label PNGs of the published .mat files."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from segkit.data.paths import dataset_folder, dataset_path
from segkit.data.problems import Problems
from segkit.errors import DataError, cause_of
from segkit.preparation._steps import Split, Step, files_of
from segkit.runtime.reading import read_utf8

ROOT = "coco/coco_stuff_10k"
SPLITS = (("train", 9000), ("test", 1000))
"""Name and published images of each split."""


def prepare() -> list[Split]:
    """Returns the steps that write `annotations_detectron2/{train,test}`."""
    root, labels = dataset_folder(ROOT), dataset_folder(f"{ROOT}/annotations")
    splits = []
    for name, published in SPLITS:
        list_file = dataset_path(f"{ROOT}/imageLists/{name}.txt")
        steps = []
        for stem in _listed(list_file):
            image, mat = root / "images" / f"{stem}.jpg", labels / f"{stem}.mat"
            sources = {image: f"{list_file} lists it", **files_of(image, mat)}
            output = root / "annotations_detectron2" / name / f"{stem}.png"
            steps.append(Step(output, partial(_write, mat), sources))
        splits.append(Split(name, len(steps), published, steps))
    return splits


def _listed(file: Path) -> list[str]:
    """Reads the names of images without suffix."""
    names = read_utf8(file).split()
    problems = Problems(file)
    for name in names:
        if Path(name).name != name:
            problems.add(f"'{name}' must be the name of an image without a folder. Unpack the published archive again.")
    problems.raise_any()
    return names


def _write(mat: Path, draft: Path) -> None:
    stored = _read_labels(mat)
    # 1 is void, which becomes 255; the classes begin at 2.
    Image.fromarray((stored.astype(np.int32) - 2 & 255).astype(np.uint8)).save(draft, format="PNG")


def _read_labels(mat: Path) -> npt.NDArray[np.generic]:
    """Reads the matrix S (H, W) of a .mat file of either format."""
    from scipy.io import loadmat

    try:
        return _matrix(mat, loadmat(mat, variable_names=["S"]))
    except NotImplementedError:  # MATLAB 7.3, which is HDF5
        return _read_hdf5(mat)
    except DataError:
        raise
    except Exception as error:  # scipy raises errors of many types for damaged files
        raise DataError(f"{mat}: cannot be read ({cause_of(error)}). Unpack the published archive again.") from error


def _matrix(mat: Path, content: Mapping[str, Any]) -> npt.NDArray[np.generic]:
    if "S" not in content:
        raise DataError(f"{mat}: it holds no matrix 'S', the labels. Unpack the published archive again.")
    return np.asarray(content["S"])


def _read_hdf5(mat: Path) -> npt.NDArray[np.generic]:
    try:
        import h5py
    except ImportError:
        raise DataError(
            f"{mat}: is a file of MATLAB 7.3, which the package h5py reads. Install it: pip install h5py."
        ) from None
    try:
        with h5py.File(mat) as file:
            # MATLAB stores columns first.
            return _matrix(mat, file).T
    except OSError as error:
        raise DataError(f"{mat}: cannot be read ({cause_of(error)}). Unpack the published archive again.") from error
