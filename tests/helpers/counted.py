"""Datasets in memory whose targets are given, for tests of what a training sees."""

import torch

from segkit.classes import Classes
from segkit.types import NO_SEGMENT, Sample, Target


class Listed:
    """A dataset of the given targets, with black images."""

    def __init__(self, targets, names=("background", "object"), things=None):
        self.targets = targets
        self.classes = Classes.make(names, things)
        self.read = []

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        self.read.append(index)
        target = self.targets[index]
        return Sample(torch.zeros(3, *target.size, dtype=torch.uint8), target, f"{index}.png", index)


class Drawing(Listed):
    """One that draws random numbers."""

    def __getitem__(self, index):
        torch.rand(3)
        return super().__getitem__(index)


class Counted(Listed):
    """One that publishes counts of all annotations."""

    def __init__(self, targets, counts, **more):
        super().__init__(targets, **more)
        self.counts = counts

    def annotation_counts(self, images):
        return self.counts


def mapped(*rows):
    """The target of a label map: class indices, -1 = void."""
    label_map = torch.tensor(rows)
    labels = torch.unique(label_map[label_map >= 0])
    segment_map = torch.full(label_map.shape, NO_SEGMENT, dtype=torch.int16)
    for number, label in enumerate(labels):
        segment_map[label_map == label] = number
    return Target(labels, segment_map, valid=label_map >= 0)


def instances(*labels, crowds=()):
    """Instances of one column each, and crowds of the same labels behind them."""
    every = (*labels, *crowds)
    masks = torch.eye(max(len(every), 4), dtype=torch.bool)[: len(every), None, :]
    is_crowd = torch.tensor([False] * len(labels) + [True] * len(crowds))
    return Target(torch.tensor(every, dtype=torch.int64), overlapping_masks=masks, is_crowd=is_crowd)
