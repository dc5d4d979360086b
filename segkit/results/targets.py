"""Targets in the form of results, to be drawn and compared."""

from typing import Literal

import torch

from segkit.classes import Classes
from segkit.ops.targets import label_map_of, select_segments
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, Result, SemanticResult, Target

Task = Literal["semantic", "instance", "panoptic"]

TASKS: dict[type, Task] = {SemanticResult: "semantic", InstanceResult: "instance", PanopticResult: "panoptic"}
"""The task that gives each type of result."""


def task_of(result: Result) -> Task:
    """Returns the task that gives results of this type.

    Example:
        >>> task_of(SemanticResult(torch.zeros(2, 2, dtype=torch.int64)))
        'semantic'
    """
    return next(task for kind, task in TASKS.items() if isinstance(result, kind))


def target_result(target: Target, classes: Classes, task: Task) -> Result:
    """Returns a target in the form of a result of `task`, with all scores 1.

    Void is class index K in a semantic result, and 0 in a panoptic one. An instance result holds the countable classes
    alone.

    Example:
        >>> target = Target(torch.tensor([0]), segment_map=torch.tensor([[0, -1]], dtype=torch.int32))
        >>> target_result(target, Classes.make(["car"]), "panoptic").segment_map
        tensor([[1, 0]], dtype=torch.int32)
    """
    if task == "semantic":
        label_map = label_map_of(target, len(classes))
        if target.valid is not None:
            label_map = torch.where(target.valid, label_map, len(classes))
        return SemanticResult(label_map)
    if task == "instance":
        countable = torch.tensor(classes.countable)
        things = select_segments(target, countable.to(target.labels.device)[target.labels])
        return InstanceResult(things.labels, torch.ones(len(things)), things.masks)
    segment_map = target.segment_map
    if segment_map is None:  # where masks overlap, the last one lies on top
        segment_map = torch.full(target.size, -1, dtype=torch.int32)
        for number, mask in enumerate(target.masks):
            segment_map[mask.to(segment_map.device)] = number
    segments = [
        PanopticSegment(number, label, classes.things[label], 1.0)
        for number, label in enumerate(target.labels.tolist(), start=1)
    ]
    # + 1: a target counts its segments from 0 and has -1 for none; a result counts from 1 and has 0.
    return PanopticResult(segment_map.to(torch.int32) + 1, segments)
