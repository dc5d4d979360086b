"""Resizing of images, as opposed to that of logits."""

from torch import Tensor

from segkit.types import Size


def resize_image(image: Tensor, size: Size) -> Tensor:
    """Resizes an image (C,H,W) of integers to `size` by antialiased bilinear interpolation.

    Example:
        >>> import torch
        >>> resize_image(torch.tensor([[[0, 100]]], dtype=torch.uint8).expand(3, 1, 2), (1, 4))[0].tolist()
        [[0, 25, 75, 100]]
    """
    from torchvision.transforms.v2 import functional as F  # slow to import, and not needed to check a config

    resized: Tensor
    # torch fails or gives wrong values where the result is one pixel wide, but not for floats one pixel high.
    if size[1] == 1:
        resized = F.resize(image.float().mT, [1, size[0]], F.InterpolationMode.BILINEAR, antialias=True)
        return resized.mT.round().to(image.dtype)
    resized = F.resize(image, list(size), F.InterpolationMode.BILINEAR, antialias=True)
    return resized
