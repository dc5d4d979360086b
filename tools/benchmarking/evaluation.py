"""Case of panoptic quality: files in COCO's panoptic format to metrics."""

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

from benchmarking.case import Options, UnequalOutputs, Workload
from benchmarking.inputs import CLASSES, annotated_target, disturb, numbered_segments
from benchmarking.peer import panopticapi
from segkit.data.images import read_panoptic_map
from segkit.datasets.coco_panoptic import segment_map_of
from segkit.evaluators.panoptic_quality import PanopticQuality
from segkit.results.files import ResultWriter, panoptic_entry, save_panoptic_map
from segkit.types import PanopticResult, PanopticSegment, Target

Metrics = dict[str, float]
"""`pq`, `sq`, `rq` of all classes, of things (`pq_things`, …) and of stuff (`pq_stuff`, …)."""
GROUPS = {"": None, "_things": True, "_stuff": False}
"""Suffix of segkit's metrics -> the same group in panopticapi."""
ROUNDING = 1e-9
SPREAD = 7_654_321
"""Segment numbers times this odd number are distinct ids of up to 24 bits."""


class PanopticFiles:
    """Targets and predictions in a folder, each as a JSON file and a folder of PNGs."""

    def __init__(self, folder: Path) -> None:
        self.target, self.target_maps = folder / "target.json", folder / "target"
        self.predictions, self.prediction_maps = folder / "panoptic.json", folder / "panoptic"

    def write(self, targets: Sequence[Target], results: Sequence[PanopticResult]) -> None:
        """Writes all files. Image ids count from 0.

        Args:
            targets: With `is_crowd`. Their segments get ids that use all three bytes of a pixel, as in COCO.
            results: Their segments keep their ids.
        """
        self.target_maps.mkdir(parents=True)
        entries = [self._write_target(target, image_id) for image_id, target in enumerate(targets)]
        with ResultWriter(self.predictions.parent, CLASSES) as writer:
            for image_id, result in enumerate(results):
                writer.write(result, _name(image_id), image_id)
        categories = json.loads(self.predictions.read_bytes())["categories"]
        self.target.write_text(json.dumps({"categories": categories, "annotations": entries}))

    def _write_target(self, target: Target, image_id: int) -> dict[str, Any]:
        """Writes the PNG of a target and returns its entry in the JSON file."""
        assert target.segment_map is not None
        assert target.is_crowd is not None
        numbered = PanopticResult(target.segment_map.int() + 1, numbered_segments(target.labels))
        entry: dict[str, Any] = panoptic_entry(numbered, CLASSES, image_id, _name(image_id))
        ids = torch.arange(1, len(target) + 1) * SPREAD % 2**24
        for segment, id_, is_crowd in zip(entry["segments_info"], ids.tolist(), target.is_crowd.tolist(), strict=True):
            segment.update(id=id_, iscrowd=int(is_crowd))
        with_void = torch.cat([ids, torch.zeros(1, dtype=torch.int64)])  # NO_SEGMENT = -1 is its last entry
        save_panoptic_map(PanopticResult(with_void[target.segment_map.long()], []), self.target_maps / _name(image_id))
        return entry

    def annotations(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Returns the annotations of target and prediction of each image."""
        targets, predictions = (
            json.loads(file.read_bytes())["annotations"] for file in (self.target, self.predictions)
        )
        of_image = {entry["image_id"]: entry for entry in predictions}
        return ((entry, of_image[entry["image_id"]]) for entry in targets)


def _name(image_id: int) -> str:
    return f"{image_id:06}.png"


def panoptic_quality(options: Options, images: int = 30, segments: int = 20) -> Workload:
    """Prepares the metrics of all classes, of things and of stuff. Both programs read all files again in each call."""
    size = (options.side(480), options.side(640))
    folder = tempfile.TemporaryDirectory()
    files = PanopticFiles(Path(folder.name))
    targets = [annotated_target(size, segments, seed) for seed in range(images)]
    files.write(targets, [disturb(target, seed) for seed, target in enumerate(targets)])

    def check() -> None:
        require_equal_metrics(our_metrics(files), their_metrics(files))

    work = f"panoptic quality of {images} images of {size[0]}x{size[1]}, {segments} segments each, files to metrics"
    return Workload(work, lambda: our_metrics(files), lambda: their_metrics(files), check, held=folder)


def our_metrics(files: PanopticFiles) -> Metrics:
    """Computes segkit's metrics. As many threads as torch uses read ahead, like the workers of a loader."""
    evaluator = PanopticQuality(CLASSES)

    def read(entries: tuple[dict[str, Any], dict[str, Any]]) -> tuple[PanopticResult, Target, int]:
        annotated, predicted = entries
        result = _result(files.prediction_maps / predicted["file_name"], predicted["segments_info"])
        target = _target(files.target_maps / annotated["file_name"], annotated["segments_info"], str(files.target))
        return result, target, annotated["image_id"]

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
    """Returns the target of an image; `listed` is the JSON file, for messages."""
    ids = np.array([info["id"] for info in segments_info], dtype=np.int64)
    labels = [CLASSES.ids.index(info["category_id"]) for info in segments_info]
    return Target(
        torch.tensor(labels),
        torch.from_numpy(segment_map_of(read_panoptic_map(file), ids, str(file), listed)[0]),
        is_crowd=torch.tensor([bool(info["iscrowd"]) for info in segments_info]),
    )


def their_metrics(files: PanopticFiles) -> Metrics:
    """Computes panopticapi's metrics."""
    categories = {category["id"]: category for category in json.loads(files.target.read_bytes())["categories"]}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        counts = panopticapi("evaluation").pq_compute_single_core(
            0, list(files.annotations()), str(files.target_maps), str(files.prediction_maps), categories
        )
    metrics: Metrics = {}
    for suffix, things in GROUPS.items():
        averages, _ = counts.pq_average(categories, isthing=things)
        metrics |= {f"{name}{suffix}": averages[name] for name in ("pq", "sq", "rq")}
    return metrics


def require_equal_metrics(ours: Metrics, theirs: Metrics) -> None:
    """Raises UnequalOutputs if a metric differs by more than rounding."""
    for name, metric in theirs.items():
        if not abs(ours[name] - metric) <= ROUNDING:  # nan is unequal too
            raise UnequalOutputs(f"{name}: segkit's value is {ours[name]:.10f}, the peer's {metric:.10f}")
