"""Semantic inference of MaskFormer (Cheng et al. 2021, section 3.4): the class of each pixel from all queries.

The sum of a class at a pixel is, over all queries, the query's probability of the class times its mask probability at
the pixel. The class with the largest sum wins. The sums are computed at the image's size and resized to the output
size, in bands of rows, so that memory is bounded by a chunk and not by the number of pixels.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from segkit.ops.cpu.argmax import largest_
from segkit.ops.resizing import resize_to_output, unpadded_bands
from segkit.types import ImageSizes


def semantic_label_map(class_probs: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Tensor:
    """Returns the class index (H,W) int64 of each pixel of the output; of equal sums the first class.

    Args:
        class_probs: (Q,K) in [0, 1], without no-object.
        mask_logits: (Q,h,w).
        sizes: Of the image.

    Example:
        >>> class_probs = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
        >>> mask_logits = torch.tensor([[[9.0, -9.0]], [[-9.0, 9.0]]])  # left half, right half
        >>> semantic_label_map(class_probs, mask_logits, ImageSizes((2, 4), (2, 4), (2, 4)))
        tensor([[0, 0, 1, 1],
                [0, 0, 1, 1]])
    """
    by_class = class_probs.t().contiguous()  # (K, Q)
    return torch.cat([largest_(sums)[1] for _, sums in class_sum_bands(by_class, mask_logits, sizes)])


def class_sum_bands(by_class: Tensor, mask_logits: Tensor, sizes: ImageSizes) -> Iterator[tuple[slice, Tensor]]:
    """Yields bands of the output from top to bottom: their rows and their sums (K,rows,W) of each class.

    The caller may change the sums in place; they are valid until the next band.

    Args:
        by_class: (K,Q), the class probabilities of each class.
        mask_logits: (Q,h,w).
        sizes: Of the image.

    Example:
        >>> by_class, mask_logits = torch.tensor([[0.5], [0.25]]), torch.zeros(1, 1, 1)
        >>> [sums.flatten().tolist() for _, sums in class_sum_bands(by_class, mask_logits, ImageSizes(*[(1, 1)] * 3))]
        [[0.25, 0.125]]
    """
    for start, stop, top, logits in unpadded_bands(mask_logits, sizes, len(by_class)):
        yield slice(start, stop), resize_to_output(class_sums(by_class, logits.sigmoid_()), sizes, top, start, stop)


def class_sums(by_class: Tensor, mask_probs: Tensor) -> Tensor:
    """Returns the sums (K,h,w) of (K,Q) class probabilities times (Q,h,w) mask probabilities over the queries.

    Example:
        >>> class_sums(torch.tensor([[0.5, 0.25]]), torch.tensor([[[1.0]], [[0.5]]]))
        tensor([[[0.6250]]])
    """
    return (by_class @ mask_probs.flatten(1)).view(-1, *mask_probs.shape[1:])
