"""Drawings of an evaluation as files: the first images, and those with the largest and the smallest errors."""

from __future__ import annotations

import heapq
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from segkit.classes import Classes
from segkit.results.comparison import batch_image, comparison
from segkit.results.image_error import image_error
from segkit.results.names import OutputNames
from segkit.results.parts import own_part
from segkit.results.png import save_png
from segkit.results.targets import Task, task_of
from segkit.runtime.processes import Process, gather
from segkit.types import Batch, Result

WORST, BEST = "worst", "best"
"""Folders beside the drawings of the first images."""

Key = tuple[float, int]
"""What the kept drawings are ordered by: how far the error is on the wanted side; then the number of the image, so that
the best are the last of all images in the order of the worst."""


@contextmanager
def overlay_files(folder: Path, classes: Classes, count: int, process: Process) -> Iterator[OverlayWriter]:
    """Yields what draws the drawings of an evaluation, which replace earlier ones in `folder`.

    Every process must call it, and leaving it waits for all of them. Their images are those of `own_part`.

    Args:
        folder: Where the drawings are.
        classes: Names and colors.
        count: How many images are drawn of each kind, over all processes.
        process: This one.
    """
    if process.is_main and count:
        for drawing in folder.glob("*.png"):
            drawing.unlink()
        for name in (WORST, BEST):
            shutil.rmtree(folder / name, ignore_errors=True)
    with own_part(folder, process) as part:
        writer = OverlayWriter(part.folder, classes, count, part.names, process)
        yield writer
        writer.close()


class Kept(NamedTuple):
    """A drawing that is removed as soon as `count` others have a higher key."""

    key: Key
    path: Path


class OverlayWriter:
    """Draws image, prediction and target side by side, one PNG per image and task.

    * `<name>_<task>.png`: the first images;
    * `worst/<name>_<task>_<error>.png`: those with the largest errors of each task, by `image_error`;
    * `best/<name>_<task>_<error>.png`: those with the smallest, none of them among the worst.

    Pass it to `segkit.evaluation.loop.evaluate_model` as `on_result`, and close it at the end.

    Args:
        folder: Where the drawings are written; made with the first one.
        classes: Names and colors.
        count: How many images are drawn of each kind, over all processes.
        names: Makes the `<name>` of each image.
        process: This one, which has the images r, r + n, r + 2 n, ... of all; by default all images.
    """

    def __init__(
        self,
        folder: Path,
        classes: Classes,
        count: int,
        names: OutputNames | None = None,
        process: Process | None = None,
    ) -> None:
        self.folder = folder
        self.classes = classes
        self.count = count
        self.names = names or OutputNames()
        self._rank, self._stride = (process.rank, process.num_processes) if process is not None else (0, 1)
        self._numbers: dict[str, int] = {}
        self._seen: defaultdict[Task, set[str]] = defaultdict(set)
        self._kept: defaultdict[tuple[str, Task], list[Kept]] = defaultdict(list)

    def __call__(self, batch: Batch, index: int, result: Result) -> None:
        """Draws image `index` of `batch`, if it is one of the first or may be one of the worst or best.

        Raises:
            WriteError: The file cannot be written.
        """
        if self.count == 0:
            return
        file, target, task = batch.files[index], batch.targets[index], task_of(result)
        if file in self._seen[task]:  # a dataset may have an image twice, which needs one drawing
            return
        self._seen[task].add(file)
        # An image has a result of each postprocessor, so files are counted, not calls.
        number = self._numbers.setdefault(file, self._rank + self._stride * len(self._numbers))
        name = f"{self.names.of(file)}_{task}"
        error = image_error(result, target, self.classes)
        keys: dict[str, Key] = {WORST: (error, -number), BEST: (-error, number)}
        wanted = [kind for kind, key in keys.items() if self._would_keep((kind, task), key)]
        if number >= self.count and not wanted:
            return
        title = f"prediction (error {error:.3f})"
        drawing = comparison(batch_image(batch, index), result, target, self.classes, title)
        if number < self.count:
            save_png(drawing, self.folder / f"{name}.png")
        for kind in wanted:
            path = self.folder / kind / f"{name}_{error:.3f}.png"
            save_png(drawing, path)
            kept = self._kept[kind, task]
            heapq.heappush(kept, Kept(keys[kind], path))
            if len(kept) > self.count:
                heapq.heappop(kept).path.unlink()

    def _would_keep(self, group: tuple[str, Task], key: Key) -> bool:
        kept = self._kept[group]
        return len(kept) < self.count or key > kept[0].key

    def close(self) -> None:
        """Removes those of the worst and best that other processes surpass. All processes must call it.

        No image is among both: of few images, the worst half stays with the worst.
        """
        everybody = gather({group: [one.key for one in kept] for group, kept in self._kept.items()})
        images = sum(gather(Counter({task: len(files) for task, files in self._seen.items()})), Counter())
        for group, kept in self._kept.items():
            kind, task = group
            worst = min(self.count, -(-images[task] // 2))
            places = worst if kind == WORST else min(self.count, images[task] - worst)
            keys = [key for theirs in everybody for key in theirs.get(group, [])]
            highest = set(heapq.nlargest(places, keys))
            for one in kept:
                if one.key not in highest:
                    one.path.unlink()
        with suppress(OSError):  # one image has no best one beside the worst
            (self.folder / BEST).rmdir()
