"""Error messages about transformer decoders, and about the predictions of any part."""

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from segkit.testing import check_transformer_decoder
from segkit.types import DeferredFeatures, PixelPrediction, Prediction
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


class Sure(Changing):
    def changed(self, prediction):
        return replace(prediction, mask_quality=2 + 0 * prediction.class_logits[..., 0])


class Endless(Good):
    """Names sizes, and divides by the rows that are no padding."""

    def forward(self, memory, mask_features, sizes=None):
        prediction = super().forward(memory, mask_features)
        padded = sizes is not None and sizes[0] != (64, 96)
        return replace(prediction, class_logits=prediction.class_logits / (0 if padded else 1))


class Shifted(Good):
    """Gives another answer without sizes."""

    def forward(self, memory, mask_features, sizes=None):
        prediction = super().forward(memory, mask_features)
        return replace(prediction, class_logits=prediction.class_logits + (sizes is None))


class Unready(Good):
    def forward(self, memory, mask_features, *, sizes=None):
        if sizes is not None:
            raise NotImplementedError("sizes")
        return super().forward(memory, mask_features)


class Denoising(Good):
    """A further layer whose queries are made of the segments, one each."""

    def __init__(self, memory, mask_dim, num_classes):
        super().__init__(memory, mask_dim, num_classes)
        self.of_class = nn.Embedding(num_classes, memory[-1].channels)

    def forward(self, memory, mask_features, *, targets=None):
        prediction = super().forward(memory, mask_features)
        if targets is None:
            return prediction
        most = max(len(target) for target in targets)
        labels = torch.stack([nn.functional.pad(target.labels, (0, most - len(target))) for target in targets])
        states = self.states_of(labels)
        known = Prediction(self.classes(states), self.masks(states), mask_features, matches=self.matches_of(targets))
        return replace(prediction, auxiliary=[*prediction.auxiliary, known])

    def states_of(self, labels):
        return self.of_class(labels)

    def matches_of(self, targets):
        return [(torch.arange(len(target)), torch.arange(len(target))) for target in targets]


class Answering(Denoising):
    def forward(self, memory, mask_features, *, targets=None):
        prediction = super().forward(memory, mask_features, targets=targets)
        return replace(prediction, matches=prediction.layers[1].matches)


class OneImage(Denoising):
    def matches_of(self, targets):
        return super().matches_of(targets)[:1]


class Beyond(Denoising):
    def matches_of(self, targets):
        return [(index + 1, index) for index, _ in super().matches_of(targets)]


class Twice(Denoising):
    def matches_of(self, targets):
        return [(0 * index, index) for index, _ in super().matches_of(targets)]


class Vanishing(Denoising):
    """Has no further layer where nothing is to be denoised."""

    def forward(self, memory, mask_features, *, targets=None):
        some = targets and any(len(target) for target in targets)
        return super().forward(memory, mask_features, targets=targets if some else None)


class VanishingWithout(Vanishing):
    """The same, without parameters of its own."""

    def __init__(self, memory, mask_dim, num_classes):
        super().__init__(memory, mask_dim, num_classes)
        del self.of_class

    def states_of(self, labels):
        return self.queries[:1].expand(*labels.shape, -1)


class TargetsNeeded(Denoising):
    def forward(self, memory, mask_features, *, targets=None):
        if self.training and targets is None:
            raise ValueError("no targets")
        return super().forward(memory, mask_features, targets=targets)


class Untargeted(Denoising):
    def matches_of(self, targets):
        raise TypeError("targets")


MESSAGES = [
    (
        Sure,
        "transformer decoder Sure returns in layer 1 mask_quality (2, 3) of float32. The contract asks for (B,Q) = (2, "
        "3) of values in 0..1.",
    ),
    (
        Endless,
        "transformer decoder Endless returns class logits of layer 1 with nan or infinite values for padded images. "
        "Return finite values.",
    ),
    (
        Shifted,
        "transformer decoder Shifted returns different class logits of layer 1 for sizes=None and for images without "
        "padding, by up to 1. Without sizes, no image is padded.",
    ),
    (Unready, "transformer decoder Unready fails with sizes of padded images: NotImplementedError: sizes"),
    (
        Answering,
        "transformer decoder Answering returns in layer 2 matches of its own. Only auxiliary predictions may have "
        "them: the last one is the answer.",
    ),
    (
        OneImage,
        "transformer decoder OneImage gives in layer 1 matches of 1 image, of which there are 2.",
    ),
    (
        Beyond,
        "transformer decoder Beyond gives in layer 1 for image 0 of the batch "
        "query 2, but there are only 2 queries, counted from 0.",
    ),
    (
        Twice,
        "transformer decoder Twice gives in layer 1 for image 0 of the batch "
        "query 0 twice, but a query has one segment.",
    ),
    (
        Vanishing,
        "transformer decoder Vanishing with targets without a segment has parameters without a gradient: "
        "of_class.weight. Use or remove them, because training on several devices refuses unused parameters.",
    ),
    (
        VanishingWithout,
        "transformer decoder VanishingWithout returns 3 layers for images with segments, and 2 where no image has one. "
        "Return as many, with 0 queries where there is nothing to make them of: losses of several processes are added "
        "up.",
    ),
    (
        TargetsNeeded,
        "transformer decoder TargetsNeeded fails in training without targets: ValueError: no targets",
    ),
    (Untargeted, "transformer decoder Untargeted fails in training mode: TypeError: targets"),
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
        "transformer decoder FewerEarlier returns in layer 0 mask_logits of (2, 3, 16, 24). The contract asks for "
        "(B,Q,h,w) = (2, 2, 16, 24).",
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


class Tolerant(Good):
    """Takes deferred mask features, and hands them on."""

    def forward(self, memory, mask_features: Tensor | DeferredFeatures):
        return super().forward(memory, mask_features)


class Partial(Good):
    """Takes deferred mask features, but changes others."""

    def forward(self, memory, mask_features: Tensor | DeferredFeatures):
        deferred = isinstance(mask_features, DeferredFeatures)
        return super().forward(memory, mask_features if deferred else 2 * mask_features)


def test_deferred_features_are_handed_on():
    assert re.fullmatch(
        r"transformer decoder Partial returns different mask logits of layer 0 with deferred mask features, by up to "
        r"\S+\. A pixel decoder defers its last operation alone, and a transformer decoder hands them on\.",
        error_message(check_transformer_decoder, Partial),
    )


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_transformer_decoder, part) == message


class Masking(Good):
    """Names sizes, and leaves padding out of the mean."""

    def forward(self, memory, mask_features, sizes=None):
        coarsest = memory[-1]
        if sizes is not None:
            height, width = coarsest.shape[2:]
            rows = torch.tensor([-(-rows // 32) for rows, _ in sizes])
            columns = torch.tensor([-(-columns // 32) for _, columns in sizes])
            inside = (torch.arange(height)[:, None] < rows[:, None, None]) & (
                torch.arange(width) < columns[:, None, None]
            )
            weights = inside / inside.float().mean((1, 2), keepdim=True)
            coarsest = coarsest * weights[:, None]
        return super().forward([coarsest], mask_features)


@pytest.mark.parametrize("part", [Good, Masking, Denoising, Tolerant])
def test_a_good_one_passes(part):
    check_transformer_decoder(part)
