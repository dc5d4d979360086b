"""Mask features whose last convolution is still to be applied."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d


class DeferredFeatures:
    """Mask features (B,E,h,w) as a map (B,C,h,w) and a convolution, which is applied only where that is cheaper.

    A mask is the product of an embedding and the mask features. The product and a convolution without an activation
    are both linear, so they are one convolution of the map, with one kernel per mask: the kernels (E,C,k,k) of the
    convolution, summed with the embedding (E,) as weights. Masks of fewer queries than there are channels are cheaper
    so: a 3x3 convolution to 256 mask features at 128x128 and 100 masks of them take 0.41 of the time.

    Values follow from what the map and the weights are now, even if the weights change later, and not from what else is
    read. They have gradients if the features are made in grad mode. The matched masks of all layers are then one
    convolution too (`masks_of_batch`), whose backward pass computes a channel for each of them instead of all E. A
    training step of 72 matched masks an image takes 0.92 of the time in fp32, 0.96 in bf16 (R50, 512x512, two threads).

    Args:
        maps: (B,C,h,w).
        convolution: Keeps height and width, in steps of one pixel, without dilation and groups.

    Example:
        >>> features = DeferredFeatures(torch.zeros(1, 8, 4, 6), nn.Conv2d(8, 16, kernel_size=3, padding=1))
        >>> features.shape, features.computed().shape
        (torch.Size([1, 16, 4, 6]), torch.Size([1, 16, 4, 6]))
        >>> features.masks(0, torch.zeros(3, 16)).shape
        torch.Size([3, 4, 6])
    """

    def __init__(self, maps: Tensor, convolution: nn.Conv2d) -> None:
        assert (convolution.stride, convolution.dilation) == ((1, 1), (1, 1)), "a map keeps its size"
        plain = (convolution.groups, convolution.padding_mode) == (1, "zeros")
        assert plain, "only plain convolutions are composed"
        device = maps.device.type
        # Masks are read after the model's autocast has ended, and have the type that its convolution would have had.
        self._maps = maps.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else maps
        self._weight = convolution.weight.clone()  # (E, C, k, k)
        bias = convolution.bias
        self._bias = self._weight.new_zeros(len(self._weight)) if bias is None else bias.clone()
        self._padding = convolution.padding
        self._trains = torch.is_grad_enabled()
        self._computed: Tensor | None = None

    @property
    def shape(self) -> torch.Size:
        """(B, E, h, w)."""
        return torch.Size((len(self._maps), len(self._weight), *self._maps.shape[2:]))

    def computed(self) -> Tensor:
        """Returns the mask features (B,E,h,w), which are computed once."""
        if self._computed is None:
            self._computed = self._convolve(self._maps, self._weight, self._bias)
        return self._computed

    def masks(self, image: int, embeddings: Tensor) -> Tensor:
        """Computes the masks (M,h,w) of the `embeddings` (M,E) of one image."""
        if self._trains or len(embeddings) >= len(self._weight):  # in training, other masks are read as well
            return torch.einsum("me,ehw->mhw", embeddings, self.computed()[image])
        if len(embeddings) == 0:  # a convolution has at least one kernel
            return self._maps.new_zeros(0, *self._maps.shape[2:])
        return self._composed(self._maps[image : image + 1], embeddings[None])[0]

    def masks_of_batch(self, embeddings: Tensor) -> Tensor:
        """Computes the masks (B,M,h,w) of `embeddings` (B,M,E), which are all masks that have a gradient."""
        # A matcher has computed the features; what is saved is their backward pass, which costs two forward passes.
        if 0 < 3 * embeddings.shape[1] < 2 * len(self._weight):
            return self._composed(self._maps, embeddings)
        # Also without masks: then every weight gets a gradient of zeros, which processes wait for.
        return torch.einsum("bme,behw->bmhw", embeddings, self.computed())

    def _composed(self, maps: Tensor, embeddings: Tensor) -> Tensor:
        """Computes the masks (b,M,h,w) of b maps and `embeddings` (b,M,E)."""
        with torch.set_grad_enabled(self._trains), torch.autocast(maps.device.type, enabled=False):
            factors = embeddings.to(self._weight.dtype)
            kernels = torch.einsum("bme,eckl->bmckl", factors, self._weight)
            one_each = zip(torch.split(maps, 1), kernels.unbind(), (factors @ self._bias).unbind(), strict=True)
            return torch.cat([self._convolve(*one) for one in one_each])

    def _convolve(self, maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        with torch.set_grad_enabled(self._trains), torch.autocast(maps.device.type, enabled=False):
            return conv2d(maps, weight.to(maps.dtype), bias.to(maps.dtype), padding=self._padding)


def computed_features(features: Tensor | DeferredFeatures) -> Tensor:
    """Returns mask features (B,E,h,w) as a tensor.

    Example:
        >>> computed_features(torch.zeros(1, 16, 4, 6)).shape
        torch.Size([1, 16, 4, 6])
    """
    return features.computed() if isinstance(features, DeferredFeatures) else features
