"""Overlays of the first images of an evaluation, as files."""

from pathlib import Path

from segkit.classes import Classes
from segkit.results.comparison import batch_image, comparison
from segkit.results.names import OutputNames
from segkit.runtime.writing import explain_write_errors
from segkit.types import Batch, Result


class OverlayWriter:
    """Draws the first images it is given: image, prediction and target side by side, one PNG per result.

    Pass it to `segkit.evaluation.loop.evaluate` as `on_result`.

    Args:
        folder: Where `<name>_<task>.png` is written; made with the first image.
        classes: Names and colors.
        count: How many images are drawn. Further images are ignored.
        names: Makes the `<name>` of each image.
    """

    def __init__(self, folder: Path, classes: Classes, count: int, names: OutputNames | None = None) -> None:
        self.folder = folder
        self.classes = classes
        self.count = count
        self.names = names or OutputNames()
        self._drawn: set[str] = set()

    def __call__(self, batch: Batch, index: int, result: Result) -> None:
        """Draws image `index` of `batch`.

        Raises:
            WriteError: The file cannot be written.
        """
        file = batch.files[index]
        # An image has a result of each postprocessor, so files are counted, not calls.
        if file not in self._drawn and len(self._drawn) == self.count:
            return
        self._drawn.add(file)
        task = type(result).__name__.removesuffix("Result").lower()
        drawn = comparison(batch_image(batch, index), result, batch.targets[index], self.classes)
        path = self.folder / f"{self.names.of(file)}_{task}.png"
        with explain_write_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            drawn.save(path)
