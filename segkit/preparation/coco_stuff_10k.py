"""COCO-Stuff 10K: label PNGs of the published .mat files."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from segkit.data.paths import dataset_folder, dataset_path
from segkit.errors import DataError, cause_of
from segkit.preparation._steps import Split, Step, require_file
from segkit.runtime.reading import read_utf8

ROOT = "coco/coco_stuff_10k"
SPLITS = (("train", 9000), ("test", 1000))
"""Name and published images of each split."""


def prepare() -> list[Split]:
    """Returns the steps that write `annotations_detectron2/{train,test}`."""
    root, labels = dataset_folder(ROOT), dataset_folder(f"{ROOT}/annotations")
    splits = []
    for name, published in SPLITS:
        listed = read_utf8(dataset_path(f"{ROOT}/imageLists/{name}.txt")).split()
        steps = []
        for stem in listed:
            image = root / "images" / f"{stem}.jpg"
            mat = require_file(labels / f"{stem}.mat", image)
            steps.append(Step(root / "annotations_detectron2" / name / f"{stem}.png", partial(_write, mat)))
        splits.append(Split(name, len(listed), published, steps))
    return splits


def _write(mat: Path, draft: Path) -> None:
    stored = _read_labels(mat)
    # 1 is void, which becomes 255; the classes begin at 2.
    Image.fromarray((stored.astype(np.int32) - 2 & 255).astype(np.uint8)).save(draft, format="PNG")


def _read_labels(mat: Path) -> npt.NDArray[np.generic]:
    """Reads the matrix S (H, W) of a .mat file of either format."""
    from scipy.io import loadmat

    try:
        return np.asarray(loadmat(mat, variable_names=["S"])["S"])
    except NotImplementedError:  # MATLAB 7.3, which is HDF5
        return _read_hdf5(mat)
    except Exception as error:  # scipy raises errors of many types for damaged files
        raise DataError(f"{mat}: cannot be read ({cause_of(error)}). Unpack the published archive again.") from error


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
            return np.asarray(file["S"]).T
    except (OSError, KeyError) as error:
        raise DataError(f"{mat}: cannot be read ({cause_of(error)}). Unpack the published archive again.") from error
