"""Cases of postprocessing: predictions of one image to results. Masks have a quarter of the image's side.

The programs enlarge masks differently. segkit resizes logits, like the original MaskFormer; transformers resizes
probabilities or, for instances, finished masks. So the results must be equal at the size of the masks, where nothing
is resized, and nearly equal at the size of the image.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from benchmarking.case import Options, Workload
from benchmarking.equality import require_close, require_mostly_same, require_same
from benchmarking.inputs import CLASSES, NUM_CLASSES, confident_prediction, drawn_target
from benchmarking.peer import transformers
from segkit.build import build_part
from segkit.classes import Classes
from segkit.ops.run_length import Rle, decode_masks, encode_masks
from segkit.registries import POSTPROCESSORS
from segkit.types import ImageSizes, InstanceResult, Size

ALL_THINGS = Classes.make(list(CLASSES.names))
"""For instances, transformers does not distinguish things from stuff."""
SAME_PIXELS = 0.98
"""Fraction of pixels that must be equal after masks were enlarged in different ways."""


class _Image:
    """One prediction in the form of both programs."""

    def __init__(self, options: Options, targets: int, queries: int, size: Size) -> None:
        self.size = size
        self.map_size = (size[0] // 4, size[1] // 4)
        self.prediction = confident_prediction(drawn_target(size, targets, options.device), queries, self.map_size)
        self.theirs = SimpleNamespace(
            class_queries_logits=self.prediction.class_logits, masks_queries_logits=self.prediction.mask_logits
        )
        self.at_image = [ImageSizes(size, size, size)]
        self.at_map = [ImageSizes(self.map_size, self.map_size, self.map_size)]


def semantic(options: Options, targets: int = 20, queries: int = 100, height: int = 512, width: int = 640) -> Workload:
    image = _Image(options, targets, queries, (options.side(height), options.side(width)))
    part, peer = _part("semantic"), _peer().post_process_semantic_segmentation

    def check() -> None:
        (own,), (other,) = part(image.prediction, image.at_map), peer(image.theirs)
        require_mostly_same("label map", own.label_map, other, 0.9999)  # equal except for rounding
        (own,), (other,) = ours_once(), theirs_once()
        require_mostly_same("label map of the image's size", own.label_map, other, SAME_PIXELS)

    def ours_once() -> Any:
        return part(image.prediction, image.at_image)

    def theirs_once() -> Any:
        return peer(image.theirs, target_sizes=[image.size])

    return Workload(_work(f"semantic, {NUM_CLASSES} classes", image, queries), ours_once, theirs_once, check)


def panoptic(options: Options, targets: int = 20, queries: int = 100, height: int = 480, width: int = 640) -> Workload:
    """Prepares panoptic results with the thresholds of the paper, 0.8 and 0.8, in both programs."""
    image = _Image(options, targets, queries, (options.side(height), options.side(width)))
    part, peer = _part("panoptic"), _peer().post_process_panoptic_segmentation
    stuff = {index for index, thing in enumerate(CLASSES.things) if not thing}

    def theirs_once(target_sizes: list[Size] | None = None) -> Any:
        return peer(image.theirs, threshold=0.8, label_ids_to_fuse=stuff, target_sizes=target_sizes)

    def ours_once() -> Any:
        return part(image.prediction, image.at_image)

    def check() -> None:
        (own,), (other,) = part(image.prediction, image.at_map), theirs_once()
        require_mostly_same("segment map", own.segment_map, other["segmentation"], 0.9999)
        _require_segments(own, other)
        (own,), (other,) = ours_once(), theirs_once([image.size])
        require_mostly_same("segment map of the image's size", own.segment_map, other["segmentation"], SAME_PIXELS)
        _require_segments(own, other)

    return Workload(_work("panoptic", image, queries), ours_once, lambda: theirs_once([image.size]), check)


def _require_segments(own: Any, other: Any) -> None:
    ours = {segment.id: segment.label for segment in own.segments}
    require_same("segments", ours, {info["id"]: info["label_id"] for info in other["segments_info"]})


def instance(options: Options, targets: int = 20, queries: int = 100, height: int = 480, width: int = 640) -> Workload:
    """Prepares instances with scores of at least 0.5. segkit's may overlap; transformers puts them on one map."""
    image = _Image(options, targets, queries, (options.side(height), options.side(width)))
    part = _part("instance", ALL_THINGS, max_instances=queries, score_threshold=0.5)
    peer = _peer().post_process_instance_segmentation

    def ours_once() -> Any:
        return part(image.prediction, image.at_image)

    def theirs_once() -> Any:
        return peer(image.theirs, threshold=0.5, target_sizes=[image.size])

    check = _instance_check(image, part, 0.5, lambda result: result.masks)
    return Workload(_work("instance", image, queries), ours_once, theirs_once, check)


def instance_coco(
    options: Options, targets: int = 20, queries: int = 100, height: int = 480, width: int = 640
) -> Workload:
    """Prepares all candidates as run lengths, as average precision needs them.

    The run lengths of transformers are not COCO's, but as long.
    """
    image = _Image(options, targets, queries, (options.side(height), options.side(width)))
    part = _part("instance", ALL_THINGS, max_instances=queries)
    peer = _peer().post_process_instance_segmentation

    def ours_once() -> list[Rle]:
        (result,) = part(image.prediction, image.at_image)
        return encode_masks(result.masks)

    def theirs_once() -> Any:
        return peer(image.theirs, threshold=0.0, target_sizes=[image.size], return_coco_annotation=True)

    def coded_and_back(result: InstanceResult) -> Tensor:
        return decode_masks(encode_masks(result.masks), image.map_size).to(result.masks.device)

    check = _instance_check(image, part, 0.0, coded_and_back)
    return Workload(_work("instance, run lengths", image, queries), ours_once, theirs_once, check)


def _instance_check(
    image: _Image, part: Any, threshold: float, masks_of: Callable[[InstanceResult], Tensor]
) -> Callable[[], None]:
    def check() -> None:
        (own,) = part(image.prediction, image.at_map)
        peer = _peer().post_process_instance_segmentation
        (other,) = peer(image.theirs, threshold=threshold, return_binary_maps=True)
        scores, labels = zip(*((info["score"], info["label_id"]) for info in other["segments_info"]), strict=True)
        require_close("scores", own.scores.cpu(), torch.tensor(sorted(scores, reverse=True)))
        require_same("labels", sorted(own.labels.tolist()), sorted(labels))
        areas, their_areas = (masks.flatten(1).sum(1).sort().values for masks in (masks_of(own), other["segmentation"]))
        require_same("areas of the masks", areas.tolist(), their_areas.long().tolist())

    return check


def _part(name: str, classes: Classes = CLASSES, **settings: Any) -> Any:
    """Returns a postprocessor; untyped, because each returns its own type of result."""
    return build_part(POSTPROCESSORS, {"type": name, **settings}, {"classes": classes})


def _peer() -> Any:
    return transformers().MaskFormerImageProcessor()


def _work(kind: str, image: _Image, queries: int) -> str:
    return f"postprocessing, {kind}, {image.size[0]}x{image.size[1]}, {queries} queries"
