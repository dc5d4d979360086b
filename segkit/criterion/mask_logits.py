"""Masks as they are wanted: those of matched queries alone, or of all queries a few pixels at a time."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from segkit.ops.cpu.linear import linear
from segkit.ops.points import sample_channels
from segkit.types import Match, Prediction


def matched_mask_logits(layers: Sequence[Prediction], matches: Sequence[Sequence[Match]]) -> list[Tensor]:
    """Per image (M,h,w) float32: the masks of its matched queries, layer after layer, no others being made.

    `matches` holds per layer and image (query_index, target_index). Layers that share their mask features are one
    product, so that its gradient by the features is made but once.
    """
    features = _shared_mask_features(layers)
    if features is not None:
        return _products(layers, matches, features)
    logits = []
    for image, of_image in enumerate(zip(*matches, strict=True)):
        masks = [layer.mask_logits_of(image, query) for layer, (query, _) in zip(layers, of_image, strict=True)]
        logits.append(torch.cat(masks).float())
    return logits


def _products(layers: Sequence[Prediction], matches: Sequence[Sequence[Match]], features: Tensor) -> list[Tensor]:
    """Of all images in one product, those with fewer masks being filled up."""
    all_embeddings = torch.stack([_embeddings(layer) for layer in layers])  # (L, B, Q, E)
    embeddings = []
    for image, of_image in enumerate(zip(*matches, strict=True)):
        queries = torch.cat([query for query, _ in of_image])
        counts = torch.tensor([len(query) for query, _ in of_image])
        layer = torch.arange(len(layers)).repeat_interleave(counts).to(queries.device)
        embeddings.append(all_embeddings[layer, image, queries])
    masks = pad_sequence(embeddings, batch_first=True) @ features.flatten(2)  # (B, M, h * w)
    maps = masks.unflatten(2, features.shape[2:])  # type: ignore[no-untyped-call]
    return [of_image[: len(own)].float() for of_image, own in zip(maps.unbind(), embeddings, strict=True)]


def pixel_reader(
    layers: Sequence[Prediction], image: int, points: Tensor | None = None
) -> Callable[[int, int], Tensor]:
    """`read(start, stop)` gives the logits (L*Q,stop-start) float32 of all queries of all layers of one image.

    Pixels of the mask maps are counted by rows; with `points` (P,2), those are read in place of the pixels.
    """

    def flat(channels: Tensor) -> Tensor:
        return channels.flatten(1) if points is None else sample_channels(channels.float(), points).to(channels.dtype)

    features = _shared_mask_features(layers)
    if features is not None:
        embeddings = torch.cat([_embeddings(layer)[image] for layer in layers])
        return _product_reader(embeddings, flat(features[image]))
    readers = []
    for layer in layers:
        if layer.dense_mask_logits is not None:
            readers.append(_reader(flat(layer.dense_mask_logits[image])))
        else:
            assert layer.mask_features is not None, "masks are a product or dense_mask_logits"
            readers.append(_product_reader(_embeddings(layer)[image], flat(layer.mask_features[image])))
    return lambda start, stop: torch.cat([read(start, stop) for read in readers])


def _reader(pixels: Tensor) -> Callable[[int, int], Tensor]:
    return lambda start, stop: pixels[:, start:stop].float()


def _product_reader(embeddings: Tensor, features: Tensor) -> Callable[[int, int], Tensor]:
    pixels, weight = features.T, embeddings.to(features.dtype)
    return lambda start, stop: linear(pixels[start:stop], weight).T.float()


def _shared_mask_features(layers: Sequence[Prediction]) -> Tensor | None:
    """(B,E,h,w) where all layers' masks are products with one and the same tensor, else None."""
    features = layers[0].mask_features
    shared = all(layer.mask_features is features and layer.dense_mask_logits is None for layer in layers)
    return features if shared else None


def _embeddings(layer: Prediction) -> Tensor:
    assert layer.mask_embeddings is not None, "masks are a product or dense_mask_logits"
    return layer.mask_embeddings
