"""The mask logits of all queries, read a range of pixels at a time, for costs that need no more than that at once."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from segkit.ops.cpu.linear import linear
from segkit.ops.points import sample_channels
from segkit.types import DeferredFeatures, Prediction
from segkit.types.deferred import computed_features

ReadLogits = Callable[[slice, int, int], Tensor]
"""(images, start, stop) -> (b,R,stop-start) float32: the logits of R masks of b images at a range of pixels."""


def shared_product(layers: Sequence[Prediction]) -> tuple[list[Tensor], Tensor | DeferredFeatures] | None:
    """Returns the mask embeddings (B,Q,E) of each layer and the mask features (B,E,h,w) that all layers share.

    None where layers have different features or dense masks. Layers that share features can be computed as one matrix
    product, which reads the features once.
    """
    features = layers[0].mask_features
    embeddings = [layer.mask_embeddings for layer in layers if layer.mask_embeddings is not None]
    shared = all(layer.dense_mask_logits is None and layer.mask_features is features for layer in layers)
    if features is None or not shared or len(embeddings) < len(layers):
        return None
    return embeddings, features


def logits_reader(layers: Sequence[Prediction], points: Tensor | None = None) -> ReadLogits:
    """Makes a function that reads the mask logits of all queries of all layers at a range of pixels.

    Masks that are a product are never held as a whole: each read multiplies the embeddings with a few pixels' features.

    Args:
        layers: L predictions.
        points: (B,P,2), read in place of the pixels of the mask maps; None = these pixels, counted by rows.

    Returns:
        A function `(images, start, stop) -> (b,L*Q,stop-start)` float32.

    Example:
        >>> prediction = Prediction(torch.zeros(1, 3, 2), dense_mask_logits=torch.ones(1, 3, 4, 4))
        >>> read = logits_reader([prediction, prediction])
        >>> read(slice(0, 1), 0, 10).shape
        torch.Size([1, 6, 10])
    """

    def places(channels: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,C,P)."""
        if points is None:
            return channels.flatten(2)
        # Interpolate in float32, then return to the dtype in which the pixels would be multiplied.
        return sample_channels(channels.float(), points).to(channels.dtype)

    shared = shared_product(layers)
    if shared is not None:
        embeddings, features = shared
        return _product_reader(torch.cat(embeddings, dim=1), places(computed_features(features)))
    readers = []
    for source in (layer.mask_source for layer in layers):
        if isinstance(source, Tensor):
            readers.append(_dense_reader(places(source)))
        else:
            readers.append(_product_reader(source.embeddings, places(source.features)))
    return lambda images, start, stop: torch.cat([read(images, start, stop) for read in readers], dim=1)


def _dense_reader(pixels: Tensor) -> ReadLogits:
    return lambda images, start, stop: pixels[images, :, start:stop].float()


def _product_reader(embeddings: Tensor, features: Tensor) -> ReadLogits:
    # Half precision features are multiplied in half precision; only the few logits of a read become float32.
    weights = embeddings.to(features.dtype)

    def read(images: slice, start: int, stop: int) -> Tensor:
        weight, pixels = weights[images], features[images, :, start:stop]
        if len(weight) > 1:
            return (weight @ pixels).float()
        # The pixels of one image are the rows of a linear layer, which is faster on some processors.
        return linear(pixels[0].T, weight[0]).T[None].float()

    return read
