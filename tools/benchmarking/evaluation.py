"""Files in COCO's panoptic format to the figures of panoptic quality."""

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarking.case import Contest, Setting, Unequal
from benchmarking.inputs import CLASSES, disturbed, drawn_truth, numbered_segments
from benchmarking.peer import panopticapi
from segkit.data.images import read_panoptic_map
from segkit.datasets.coco_panoptic import segment_map_of
from segkit.evaluators.panoptic_quality import PanopticQuality
from segkit.results.files import ResultWriter, panoptic_entry, save_panoptic_map
from segkit.types import PanopticResult, PanopticSegment, Target

Figures = dict[str, float]
"""`pq`, `sq`, `rq` of all classes, of things (`pq_things`, …) and of stuff (`pq_stuff`, …)."""
GROUPS = {"": None, "_things": True, "_stuff": False}
"""How segkit's figures end, and what panopticapi calls the same."""
ROUNDING = 1e-9
SPREAD = 7_654_321
"""Segment numbers times this, which is odd, are distinct ids of up to 24 bits."""


class PanopticFiles:
    """Truth and predictions in a folder, a JSON file and a folder of PNGs each, as `panopticapi` takes them."""

    def __init__(self, folder: Path) -> None:
        self.truth, self.truth_maps = folder / "truth.json", folder / "truth"
        self.predictions, self.prediction_maps = folder / "panoptic.json", folder / "panoptic"

    def write(self, truths: Sequence[Target], results: Sequence[PanopticResult]) -> None:
        """`truths` need `is_crowd`. Their segments get ids of all three bytes of a pixel, as COCO's have; results keep
        theirs. Image ids count from 0."""
        self.truth_maps.mkdir(parents=True)
        entries = [self._write_truth(target, image_id) for image_id, target in enumerate(truths)]
        with ResultWriter(self.predictions.parent, CLASSES) as writer:
            for image_id, result in enumerate(results):
                writer.write(result, _name(image_id), image_id)
        categories = json.loads(self.predictions.read_bytes())["categories"]
        self.truth.write_text(json.dumps({"categories": categories, "annotations": entries}))

    def _write_truth(self, target: Target, image_id: int) -> dict[str, Any]:
        """Its entry in the JSON file."""
        assert target.segment_map is not None
        assert target.is_crowd is not None
        numbered = PanopticResult(target.segment_map.int() + 1, numbered_segments(target.labels))
        entry = panoptic_entry(numbered, CLASSES, image_id, _name(image_id))
        ids = torch.arange(1, len(target) + 1) * SPREAD % 2**24
        for segment, id_, is_crowd in zip(entry["segments_info"], ids.tolist(), target.is_crowd.tolist(), strict=True):
            segment.update(id=id_, iscrowd=int(is_crowd))
        with_void = torch.cat([ids, torch.zeros(1, dtype=torch.int64)])  # NO_SEGMENT = -1 is its last entry
        save_panoptic_map(PanopticResult(with_void[target.segment_map.long()], []), self.truth_maps / _name(image_id))
        return entry

    def annotations(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Of each image those of the truth and of the prediction."""
        truth, predictions = (json.loads(file.read_bytes())["annotations"] for file in (self.truth, self.predictions))
        of_image = {entry["image_id"]: entry for entry in predictions}
        return ((entry, of_image[entry["image_id"]]) for entry in truth)


def _name(image_id: int) -> str:
    return f"{image_id:06}.png"


def panoptic_quality(setting: Setting, images: int = 30, segments: int = 20) -> Contest:
    """Both read all files anew in one process, segkit with as many threads as torch has; their answers are the figures
    of all classes, of things and of stuff."""
    size = (setting.side(480), setting.side(640))
    folder = tempfile.TemporaryDirectory()
    files = PanopticFiles(Path(folder.name))
    truths = [drawn_truth(size, segments, seed) for seed in range(images)]
    files.write(truths, [disturbed(target, seed) for seed, target in enumerate(truths)])

    def check() -> None:
        require_equal_figures(our_figures(files), their_figures(files))

    work = f"panoptic quality of {images} images of {size[0]}x{size[1]}, {segments} segments each, files to figures"
    return Contest(work, lambda: our_figures(files), lambda: their_figures(files), check, held=folder)


def our_figures(files: PanopticFiles) -> Figures:
    """Files are read ahead by as many threads as torch has, as data sets are by a loader's workers."""
    evaluator = PanopticQuality(CLASSES)

    def read(entries: tuple[dict[str, Any], dict[str, Any]]) -> tuple[PanopticResult, Target, int]:
        truth, predicted = entries
        result = _result(files.prediction_maps / predicted["file_name"], predicted["segments_info"])
        target = _target(files.truth_maps / truth["file_name"], truth["segments_info"], str(files.truth))
        return result, target, truth["image_id"]

    with ThreadPoolExecutor(torch.get_num_threads()) as readers:
        for result, target, image_id in readers.map(read, files.annotations()):
            evaluator.add(result, target, image_id)
    return evaluator.compute().values


def _result(file: Path, segments_info: list[dict[str, Any]]) -> PanopticResult:
    segments = [
        PanopticSegment(info["id"], CLASSES.ids.index(info["category_id"]), bool(info["isthing"]), info["score"])
        for info in segments_info
    ]
    return PanopticResult(torch.from_numpy(read_panoptic_map(file)), segments)


def _target(file: Path, segments_info: list[dict[str, Any]], listed: str) -> Target:
    """`listed` is the JSON file, for messages."""
    ids = np.array([info["id"] for info in segments_info], dtype=np.int64)
    labels = [CLASSES.ids.index(info["category_id"]) for info in segments_info]
    return Target(
        torch.tensor(labels),
        torch.from_numpy(segment_map_of(read_panoptic_map(file), ids, str(file), listed)),
        is_crowd=torch.tensor([bool(info["iscrowd"]) for info in segments_info]),
    )


def their_figures(files: PanopticFiles) -> Figures:
    categories = {category["id"]: category for category in json.loads(files.truth.read_bytes())["categories"]}
    with contextlib.redirect_stdout(io.StringIO()):  # it tells how far it is
        counts = panopticapi("evaluation").pq_compute_single_core(
            0, list(files.annotations()), str(files.truth_maps), str(files.prediction_maps), categories
        )
    figures: Figures = {}
    for suffix, things in GROUPS.items():
        averages, _ = counts.pq_average(categories, isthing=things)
        figures |= {f"{name}{suffix}": averages[name] for name in ("pq", "sq", "rq")}
    return figures


def require_equal_figures(ours: Figures, theirs: Figures) -> None:
    """Raises Unequal where a figure differs by more than rounding."""
    for name, figure in theirs.items():
        if not abs(ours[name] - figure) <= ROUNDING:  # nan is unequal too
            raise Unequal(f"{name}: segkit gives {ours[name]:.10f}, the peer {figure:.10f}")
