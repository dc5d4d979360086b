"""Error messages about transformer decoders, and about the predictions of any part."""

from dataclasses import replace

import torch
from torch import nn

from segkit.testing import check_transformer_decoder
from segkit.types import PixelPrediction, Prediction
from tests.helpers.contract_errors import each_of, error_message


class Good(nn.Module):
    """Three queries that the mean of the coarsest memory map makes; two layers."""

    def __init__(self, memory, mask_dim, num_classes):
        super().__init__()
        channels = memory[-1].channels
        self.queries = nn.Parameter(torch.randn(3, channels))
        self.classes, self.masks = nn.Linear(channels, num_classes + 1), nn.Linear(channels, mask_dim)

    def forward(self, memory, mask_features):
        states = self.queries + memory[-1].mean((2, 3))[:, None]  # (B, Q, C)
        first = Prediction(self.classes(states), mask_embeddings=self.masks(states), mask_features=mask_features)
        return replace(first, auxiliary=[first])


class NoModule:
    def __init__(self, memory, mask_dim, num_classes):
        pass


class Single(Good):
    """Takes a memory of one map alone."""

    def forward(self, memory, mask_features):
        if len(memory) > 1:
            raise ValueError("more than one map")
        return super().forward(memory, mask_features)


class Changing(Good):
    """Gives `self.changed` of what is right."""

    def forward(self, memory, mask_features):
        return self.changed(super().forward(memory, mask_features))


class Pair(Changing):
    def changed(self, prediction):
        return prediction.class_logits, prediction.mask_logits


class Mixed(Changing):
    def changed(self, prediction):
        return replace(prediction, auxiliary=[PixelPrediction(prediction.mask_logits)])


class Nested(Changing):
    def changed(self, prediction):
        return replace(prediction, auxiliary=[prediction, prediction])


class NoObjectMissing(Changing):
    def changed(self, prediction):
        return replace(prediction, class_logits=prediction.class_logits[..., :-1])


class FewerEarlier(Changing):
    def changed(self, prediction):
        earlier = replace(prediction.auxiliary[0], class_logits=prediction.class_logits[:, :2])
        return replace(prediction, auxiliary=[earlier])


class Maskless(Changing):
    def changed(self, prediction):
        return Prediction(prediction.class_logits)


class Small(Changing):
    def changed(self, prediction):
        return Prediction(prediction.class_logits, dense_mask_logits=prediction.mask_logits[..., ::2, ::2])


class Whole(Changing):
    def changed(self, prediction):
        return replace(prediction, class_logits=prediction.class_logits.long())


class Infinite(Changing):
    def changed(self, prediction):
        return replace(prediction, mask_embeddings=prediction.mask_embeddings / 0)


class Blind(Good):
    def forward(self, memory, mask_features):
        return super().forward([one.detach() for one in memory], mask_features)


class Fixed(Good):
    def forward(self, memory, mask_features):
        return super().forward(memory, mask_features.detach())


MESSAGES = [
    (NoModule, "transformer decoder NoModule is not an nn.Module. Derive it from torch.nn.Module."),
    (
        Single,
        "transformer decoder Single fails on a memory of 3 maps, the coarsest of 2x3: ValueError: more than one map",
    ),
    (Pair, "transformer decoder Pair returns a tuple. Return a segkit.types.Prediction."),
    (
        Mixed,
        "transformer decoder Mixed returns in layer 0 a PixelPrediction beside a Prediction. Return one type in "
        "all layers.",
    ),
    (
        Nested,
        "transformer decoder Nested returns in layer 0 auxiliary layers of its own. Give them to the last layer only.",
    ),
    (
        NoObjectMissing,
        "transformer decoder NoObjectMissing returns in layer 1 class_logits of (2, 3, 5). The contract asks for "
        "(B,Q,K+1) = (2, 3, 6).",
    ),
    (
        FewerEarlier,
        "transformer decoder FewerEarlier returns in layer 0 class_logits of (2, 2, 6). The contract asks for "
        "(B,Q,K+1) = (2, 3, 6).",
    ),
    (
        Maskless,
        "transformer decoder Maskless fails when its mask_logits are computed: AssertionError: a Prediction needs "
        "mask_embeddings and mask_features, or dense_mask_logits",
    ),
    (
        Small,
        "transformer decoder Small returns in layer 0 mask_logits of (2, 3, 8, 12). The contract asks for (B,Q,h,w) "
        "= (2, 3, 16, 24).",
    ),
    (
        Whole,
        "transformer decoder Whole returns in layer 1 class logits of torch.int64. The contract asks for a "
        "floating-point type.",
    ),
    (
        Infinite,
        "transformer decoder Infinite returns in layer 1 mask logits with nan or infinite values. Return "
        "finite values.",
    ),
    (
        Blind,
        "transformer decoder Blind passes no gradient to the memory. Use it without detaching it, so that what "
        "computes it can learn.",
    ),
    (
        Fixed,
        "transformer decoder Fixed passes no gradient to the mask features. Use it without detaching it, so that "
        "what computes it can learn.",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_transformer_decoder, part) == message


def test_a_good_one_passes():
    check_transformer_decoder(Good)
