"""The task `panoptic` in an exported file."""

from collections.abc import Mapping

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.export.forms._task import Task, image_maps, require_queries
from segkit.postprocessors.panoptic import Panoptic
from segkit.types import PanopticResult, PanopticSegment, PixelPrediction, Prediction, Size


def compute(
    postprocessor: Panoptic, prediction: Prediction | PixelPrediction, padded: Size, size: Size
) -> tuple[Tensor, ...]:
    """Returns the segment map (B,H,W) int32, labels (B,Q) int64, scores (B,Q) and how many are segments (B,) int64.

    Row i of the labels and scores is the segment with id i+1. What follows the segments has label -1 and score 0.
    All Q queries take part in the computation, since their number must not depend on the image. Those that are not
    used never win a pixel.
    """
    prediction = require_queries("panoptic", prediction)
    scores, labels = prediction.class_logits.float().softmax(-1).max(-1)  # (B, Q), no-object among the labels
    if prediction.mask_quality is not None:
        scores = scores * prediction.mask_quality.float()
    kept = (labels != len(postprocessor.classes)) & (scores > postprocessor.score_threshold)
    mask_probs = image_maps(prediction.mask_logits, padded, size).sigmoid()  # (B, Q, H, W)
    competing = torch.where(kept[..., None, None], mask_probs * scores[..., None, None], -1.0)
    winners = competing.argmax(1)  # (B, H, W)
    queries = torch.arange(labels.shape[1], device=labels.device)
    won = (winners[:, None] == queries[:, None, None]).sum((2, 3))  # (B, Q)
    covered = (mask_probs >= 0.5).sum((2, 3))
    # float64, as Python divides: thresholds such as 0.8 are met exactly or not.
    enough = won.double() / covered.clamp(min=1).double() >= postprocessor.overlap_threshold
    valid = kept & (won > 0) & (covered > 0) & enough
    ids = _segment_ids(postprocessor, labels, valid)
    segment_map = ids.gather(1, winners.flatten(1)).view(-1, *size)
    member = ids[..., None] == queries + 1  # (B, Q, Q): whether a query belongs to a segment
    segment_labels = torch.where(member, labels[..., None], -1).amax(1)
    segment_scores = torch.where(member, scores[..., None], 0.0).amax(1)
    return segment_map.int(), segment_labels, segment_scores, ids.amax(1)


def _segment_ids(postprocessor: Panoptic, labels: Tensor, valid: Tensor) -> Tensor:
    """Returns the segment id of each query (B,Q) int64, 0 for none.

    Segments are numbered in the order of their first query.
    """
    # A last entry for no-object, whose queries are not valid.
    fused = torch.tensor([*postprocessor.fused, False], device=labels.device)[labels]  # (B, Q)
    same = fused[:, :, None] & (labels[:, :, None] == labels[:, None]) & valid[:, None]  # of (query, other query)
    earlier = same.tril(-1).any(2)
    begins = valid & ~earlier
    number = begins.cumsum(1)
    of_first = torch.where(same & begins[:, None], number[:, None], 0).amax(2)
    return torch.where(valid, torch.where(fused, of_first, number), 0)


def read(outputs: Mapping[str, Tensor], image: int, classes: Classes) -> PanopticResult:
    """Returns the result of one image of the batch.

    Example:
        >>> outputs = {
        ...     "segment_map": torch.ones(1, 4, 6, dtype=torch.int32),
        ...     "segment_labels": torch.tensor([[0, -1]]),
        ...     "segment_scores": torch.tensor([[0.5, 0.0]]),
        ...     "num_segments": torch.tensor([1]),
        ... }
        >>> read(outputs, 0, Classes.make(["car"]))
        PanopticResult(4 x 6: 1 segment)
    """
    number = int(outputs["num_segments"][image])
    rows = zip(
        outputs["segment_labels"][image, :number].tolist(),
        outputs["segment_scores"][image, :number].tolist(),
        strict=True,
    )
    segments = [
        PanopticSegment(index, label, classes.things[label], score) for index, (label, score) in enumerate(rows, 1)
    ]
    return PanopticResult(outputs["segment_map"][image].int(), segments)


TASK = Task(
    "panoptic",
    Panoptic,
    PanopticResult,
    ("segment_map", "segment_labels", "segment_scores", "num_segments"),
    compute,
    read,
)
