"""The check of an exported file against its model: the same images through both."""

from dataclasses import dataclass

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.data.padding import padded_size, stack_padded
from segkit.errors import ExportError, cause_of, counted
from segkit.export.agreement import agreement
from segkit.export.formats import ExportedFile
from segkit.export.program import ExportProgram, example_images, prediction_logits
from segkit.export.tasks import TASKS
from segkit.types import ImageSizes, Result

BATCHES = (1, 3)
LARGEST_DIFFERENCE = 1e-4
"""Of the logits, as a fraction of the largest one."""
LEAST_AGREEMENT = 0.999
"""Of the results."""


@dataclass
class Parity:
    """What a check found, over all sizes and batches."""

    difference: float = 0.0
    """The largest difference of a logit, as a fraction of the largest logit of its output."""
    agreement: float = 1.0
    """The fraction of pixels with equal results. Where a model is unsure between two, rounding decides, and such pixels
    may be many in one image: so all images count together."""
    images: int = 0

    def __str__(self) -> str:
        return (
            f"{counted(self.images, 'image')}: largest difference of the logits {self.difference:.1e} of their scale, "
            "results "
            f"equal on {self.agreement:.3%} of the pixels"
        )

    def require(self, path: str) -> None:
        """Checks that the file may be used in place of the model.

        Raises:
            ExportError: It differs too much.

        Example:
            >>> Parity(difference=0.5, images=20).require("a.onnx")
            Traceback (most recent call last):
            segkit.errors.ExportError: a.onnx: differs from the model (20 images: largest difference of the logits \
5.0e-01 of their scale, results equal on 100.000% of the pixels). Allowed are 1e-04 and 99.9%. No file was \
written.
        """
        # nan fails both comparisons.
        if not (self.difference <= LARGEST_DIFFERENCE and self.agreement >= LEAST_AGREEMENT):
            raise ExportError(
                f"{path}: differs from the model ({self}). Allowed are {LARGEST_DIFFERENCE:.0e} and "
                f"{LEAST_AGREEMENT:.1%}. No file was written."
            )


@torch.no_grad()
def check_parity(file: ExportedFile, program: ExportProgram, classes: Classes) -> Parity:
    """Compares a file with the model and its own postprocessor, on several sizes and batches.

    Args:
        file: The opened file.
        program: What it was traced from.
        classes: Of the model.
    """
    parity, differences = Parity(), [0.0]
    pixels, equal = 0, 0.0
    task = TASKS[file.info.task]
    for seed, size in enumerate(file.info.sizes.examples()):
        for batch in BATCHES:
            images = example_images(batch, *size, seed=seed)
            outputs = _run(file, images)
            logits, results = _expected(program, images)
            for name, expected in logits.items():
                differences.append(relative_difference(outputs[name], expected))
            for index, result in enumerate(results):
                own = task.read(outputs, index, classes)
                pixels += size[0] * size[1]
                equal += size[0] * size[1] * agreement(own, result)
            parity.images += batch
    parity.difference = float(torch.tensor(differences, dtype=torch.float64).max())  # nan if one is nan
    parity.agreement = equal / pixels
    return parity


def _run(file: ExportedFile, images: Tensor) -> dict[str, Tensor]:
    """Runs a file. What was fixed when the model was traced fails for images of other sizes.

    Raises:
        ExportError: It fails.
    """
    try:
        return file(images)
    # ONNX Runtime's errors have no common base.
    except Exception as error:
        batch, _, height, width = images.shape
        raise ExportError(
            f"the written file fails on {counted(batch, 'image')} of {height} x {width} pixels ({cause_of(error)}). A "
            "part of the "
            "model does not suit all sizes: export a fixed size. No file was written."
        ) from error


def _expected(program: ExportProgram, images: Tensor) -> tuple[dict[str, Tensor], list[Result]]:
    """Returns the logits and results of the model and the postprocessor, as a prediction computes them."""
    size = int(images.shape[-2]), int(images.shape[-1])
    sizes = [ImageSizes(padded_size([size], program.model.size_divisor), size, size)] * len(images)
    prediction = program.model(stack_padded(list(images), sizes[0].padded), [size] * len(images))
    results = list(program.postprocessor(prediction, sizes))
    return prediction_logits(prediction), results


def relative_difference(values: Tensor, expected: Tensor) -> float:
    """Returns the largest difference, as a fraction of the largest expected value; nan where a value is nan.

    Example:
        >>> relative_difference(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 4.0]))
        0.25
    """
    scale = expected.abs().amax().clamp(min=1e-12)
    return float((values - expected).abs().amax() / scale)
