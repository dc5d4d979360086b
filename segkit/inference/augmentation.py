"""Test-time augmentation: an image is predicted at several sizes and mirrored, and the predictions are averaged."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from segkit.data.padding import padded_size, stack_padded
from segkit.models._base import SegmentationModel
from segkit.ops.images import resize_image
from segkit.ops.resizing import output_bands
from segkit.ops.semantic_inference import class_sum_bands
from segkit.types import ImageSizes, PixelPrediction, Prediction, Size

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
"""Of the sides of an image: those of MaskFormer (Cheng et al. 2021), 256 to 896 pixels for images of 512."""


class Augmented(SegmentationModel):
    """A semantic model that sees each image at six sizes, each as it is and mirrored: the paper's `ms + flip`.

    The class maps of the twelve predictions, resized to the image, are averaged: the sums over queries of a mask
    classification model, the logits of a per-pixel model. Memory takes one float per class and pixel. Instances of
    several predictions cannot be averaged, so only semantic segmentation is supported.

    Args:
        model: Predicts each of the images.

    Example:
        >>> class Brightness(SegmentationModel):
        ...     size_divisor = 4
        ...     def forward(self, images, sizes=None):
        ...         return PixelPrediction(images[:, :2, ::4, ::4].float())
        >>> Augmented(Brightness())(torch.full((1, 3, 8, 12), 7, dtype=torch.uint8)).pixel_logits[0, :, 0, 0].tolist()
        [7.0, 7.0]
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    @property
    def size_divisor(self) -> int:
        """The model's own."""
        return self.model.size_divisor

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> PixelPrediction:
        """Images (B,C,H,W), whose unpadded parts are of `sizes` -> class maps (B,K,H,W), 0 in the padding."""
        padded = int(images.shape[-2]), int(images.shape[-1])
        unpadded = [padded] * len(images) if sizes is None else sizes
        means = [self._mean(image[:, :height, :width]) for image, (height, width) in zip(images, unpadded, strict=True)]
        maps = means[0].new_zeros(len(images), len(means[0]), *padded)
        for room, mean in zip(maps, means, strict=True):
            room[:, : mean.shape[1], : mean.shape[2]] = mean
        return PixelPrediction(maps)

    def _mean(self, image: Tensor) -> Tensor:
        """Returns the mean class maps (K,H,W) of an image (C,H,W)."""
        size = int(image.shape[1]), int(image.shape[2])
        total: Tensor | None = None
        for scaled in _scaled(image, size):
            for mirrored in (False, True):
                maps = self._class_maps(scaled.flip(-1) if mirrored else scaled, size)
                maps = maps.flip(-1) if mirrored else maps
                total = maps if total is None else total.add_(maps)
        assert total is not None, "there are scales"
        return total.div_(2 * len(SCALES))

    def _class_maps(self, image: Tensor, output: Size) -> Tensor:
        """Returns the class maps (K,H,W) of an image (C,h,w) at the `output` size."""
        size = int(image.shape[1]), int(image.shape[2])
        sizes = ImageSizes(padded_size([size], self.size_divisor), size, output)
        padded = stack_padded([image], sizes.padded).to(image.device)
        return torch.cat(list(_bands(self.model(padded, [size]), sizes)), dim=1)


def _scaled(image: Tensor, size: Size) -> Iterator[Tensor]:
    for scale in SCALES:
        scaled = max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))
        yield image if scaled == size else resize_image(image, scaled)


def _bands(prediction: Prediction | PixelPrediction, sizes: ImageSizes) -> Iterator[Tensor]:
    """Yields the class maps (K,rows,W) of the only image of a prediction at the output size, from top to bottom."""
    if isinstance(prediction, PixelPrediction):
        for _, _, band in output_bands(prediction.pixel_logits[0], sizes):
            yield band.clone()
        return
    class_probs = prediction.class_logits[0].float().softmax(-1)[..., :-1]  # (Q, K)
    queries = torch.arange(prediction.num_queries, device=class_probs.device)
    mask_logits = prediction.mask_logits_of(0, queries)
    for _, sums in class_sum_bands(class_probs.t().contiguous(), mask_logits, sizes):
        yield sums.clone()
