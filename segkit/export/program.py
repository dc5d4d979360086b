"""The computation that an exported file holds, from pixels to results."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from segkit.export.forms._task import Task
from segkit.models._base import SegmentationModel
from segkit.registries import Postprocessor
from segkit.types import PixelPrediction, Prediction

TRACED_BATCH = 2
"""Images in the batch that a model is traced with. One would be taken for a dimension without meaning."""


class ExportProgram(nn.Module):
    """Padding, the model with its normalization, and the results of one task at the size of the images.

    All images of a batch have one size. The outputs are those of the task, followed by the prediction itself.

    Args:
        model: In eval mode.
        task: What is computed of its prediction.
        postprocessor: Its settings are those of the results.

    Example:
        >>> from segkit.classes import Classes
        >>> from segkit.export.tasks import TASKS
        >>> from segkit.postprocessors.semantic import Semantic
        >>> class Brightness(SegmentationModel):
        ...     size_divisor = 4
        ...     def forward(self, images, sizes=None):
        ...         return PixelPrediction(images[:, :2, ::4, ::4].float())
        >>> program = ExportProgram(Brightness(), TASKS["semantic"], Semantic(Classes.make(["sky", "sea"])))
        >>> outputs = program(torch.zeros(2, 3, 30, 41, dtype=torch.uint8))
        >>> {name: tuple(output.shape) for name, output in outputs.items()}
        {'label_map': (2, 30, 41), 'pixel_logits': (2, 2, 8, 11)}
    """

    def __init__(self, model: SegmentationModel, task: Task, postprocessor: Postprocessor) -> None:
        super().__init__()
        self.model = model
        self.task = task
        self.postprocessor = postprocessor

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B,3,H,W) uint8 RGB -> outputs by name, each with the batch first."""
        height, width = images.shape[-2:]
        divisor = self.model.size_divisor
        # As multiples of a quotient, symbolic sizes stay short: `-height % divisor` makes tracing many times slower.
        padded_size = (height + divisor - 1) // divisor * divisor, (width + divisor - 1) // divisor * divisor
        padded = pad(images, (0, padded_size[1] - width, 0, padded_size[0] - height))
        # A list cannot have as many items as a batch whose size is not known. All items are equal.
        prediction = self.model(padded, [(height, width)] * TRACED_BATCH)
        computed = self.task.compute(self.postprocessor, prediction, padded_size, (height, width))
        outputs = dict(zip(self.task.outputs, computed, strict=True))
        return {**outputs, **prediction_logits(prediction)}


def prediction_logits(prediction: Prediction | PixelPrediction) -> dict[str, Tensor]:
    """Returns the logits of a prediction by name, float32.

    Example:
        >>> list(prediction_logits(PixelPrediction(torch.zeros(1, 2, 4, 4))))
        ['pixel_logits']
    """
    if isinstance(prediction, PixelPrediction):
        return {"pixel_logits": prediction.pixel_logits.float()}
    return {"class_logits": prediction.class_logits.float(), "mask_logits": prediction.mask_logits.float()}


def example_images(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Draws images (B,3,H,W) uint8 RGB of colored patches with a little noise, for tracing and checking.

    Example:
        >>> example_images(2, 30, 40).shape
        torch.Size([2, 3, 30, 40])
    """
    generator = torch.Generator().manual_seed(seed)
    patches = torch.randint(256, (count, 3, 4, 5), generator=generator).float()
    smooth = nn.functional.interpolate(patches, size=(height, width), mode="bilinear")
    noise = torch.randn(count, 3, height, width, generator=generator) * 8
    return (smooth + noise).clamp(0, 255).to(torch.uint8)
