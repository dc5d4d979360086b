"""Carries the class head of a model over to another class list, row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from segkit.classes import Classes
from segkit.errors import join_first

_MOST_NAMES = 6
"""Class names of one kind in a report."""


@dataclass(frozen=True)
class ClassRows:
    """Which classes of a checkpoint the rows of a new class head are made of.

    Example:
        >>> theirs, ours = Classes.make(["sky", "car", "truck"]), Classes.make(["car", "vehicle", "bus"])
        >>> rows = ClassRows.match(theirs, ours, {"vehicle": ["car", "truck"]})
        >>> print(rows)
        class head: 1 of 3 classes kept by name; vehicle is the mean of car, truck; 1 new, initialized: bus; 1 not \
used: sky
        >>> import torch
        >>> there, here = torch.tensor([1.0, 2.0, 4.0, 9.0]), torch.zeros(4)  # the last one is no-object
        >>> rows.carry(there, here, axis=0).tolist()
        [2.0, 3.0, 0.0, 9.0]
    """

    theirs: Classes
    """Of the checkpoint."""
    ours: Classes
    """Of the new model."""
    sources: tuple[tuple[str, ...], ...]
    """For each class of the new model, those of the checkpoint whose mean its rows become; none keeps initial rows."""
    mapped: frozenset[str]
    """The classes of the new model whose sources were not chosen by name."""

    @classmethod
    def match(cls, theirs: Classes, ours: Classes, class_map: Mapping[str, Sequence[str]]) -> "ClassRows":
        """Finds the sources of each class: those that `class_map` names, or else the class of the same name.

        Args:
            theirs: Of the checkpoint.
            ours: Of the new model.
            class_map: By name of the new model, names of the checkpoint. All must exist.
        """
        by_name = {name: (name,) if name in theirs.names else () for name in ours.names}
        sources = by_name | {name: tuple(names) for name, names in class_map.items()}
        mapped = frozenset(name for name in class_map if sources[name] != by_name[name])
        return cls(theirs, ours, tuple(sources[name] for name in ours.names), mapped)

    @property
    def unchanged(self) -> bool:
        """Whether each row keeps its place and meaning."""
        return self.theirs.names == self.ours.names and not self.mapped

    def carry(self, there: Tensor, here: Tensor, axis: int) -> Tensor | None:
        """Returns the new tensor, or None where they differ in more than the number of classes, or are no weights.

        Args:
            there: Of the checkpoint: a row per class along `axis`, then any others, such as that of no-object.
            here: Of the new model, with its initial values.
            axis: Counted from 0.
        """
        others = here.shape[axis] - len(self.ours)
        expected = [*here.shape[:axis], len(self.theirs) + others, *here.shape[axis + 1 :]]
        weights = there.is_floating_point() and here.is_floating_point()
        if not weights or others < 0 or list(there.shape) != expected:
            return None
        old, rows = there.movedim(axis, 0), here.clone().movedim(axis, 0)
        for index, names in enumerate(self.sources):
            if names:
                rows[index] = old[[self.theirs.names.index(name) for name in names]].mean(0)
        rows[len(self.ours) :] = old[len(self.theirs) :]
        return rows.movedim(0, axis).contiguous()

    def __str__(self) -> str:
        named = dict(zip(self.ours.names, self.sources, strict=True))
        kept = [name for name, names in named.items() if names and name not in self.mapped]
        new = [name for name, names in named.items() if not names]
        used = {name for names in self.sources for name in names}
        parts = [f"{len(kept)} of {len(self.ours)} classes kept by name"]
        parts += [_described(name, named[name]) for name in self.ours.names if name in self.mapped and named[name]]
        for what, names in (("new, initialized", new), ("not used", [n for n in self.theirs.names if n not in used])):
            if names:
                parts.append(f"{len(names)} {what}: {join_first(names, _MOST_NAMES)}")
        return f"class head: {'; '.join(parts)}"


def _described(name: str, sources: Sequence[str]) -> str:
    return f"{name} is {'the mean of ' if len(sources) > 1 else ''}{', '.join(sources)}"
