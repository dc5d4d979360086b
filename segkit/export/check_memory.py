"""The memory that the check of an exported file takes, known before the check."""

import torch

from segkit.errors import ExportError, counted
from segkit.export.parity import BATCHES
from segkit.export.program import ExportProgram, example_images
from segkit.export.size_range import SizeRange
from segkit.runtime.memory_limit import require_memory
from segkit.runtime.model_memory import MANY_PIXELS, MARGIN, LiveTensors

_SIDE = 256
"""Side of the image that the memory is measured with."""


def require_memory_of_check(program: ExportProgram, sizes: SizeRange) -> None:
    """Checks that the largest images of the check fit into the memory, where they have many pixels.

    An export traces a file and runs it, with the results of the task at the size of the images. Without this, a size
    that is far too large would end in the system killing the process.

    Args:
        program: What is exported.
        sizes: Those that the file takes.

    Raises:
        ExportError: They do not fit.
    """
    height, width = max(sizes.examples(), key=lambda size: size[0] * size[1])
    pixels = max(BATCHES) * height * width
    if pixels < MANY_PIXELS:
        return
    live = LiveTensors()
    try:
        with torch.no_grad(), live:
            program(example_images(1, _SIDE, _SIDE))
    except Exception:
        return  # a model may take other sizes only: it is tried as it is
    try:
        require_memory(MARGIN * live.peak / _SIDE**2 * pixels)
    except MemoryError as error:
        raise ExportError(
            f"size: {counted(max(BATCHES), 'image')} of {height} x {width} pixels, as the check of the file runs them, "
            f"do not fit into the memory ({error}). Export for smaller images: programs split large ones into windows "
            "of the file's size."
        ) from error
