"""Queries made of known segments (denoising, as in DN-DETR and Mask DINO), in a decoder as a plugin would have it.

It names `targets`, and its auxiliary predictions bring their matches.
"""

from dataclasses import replace
from itertools import repeat

import pytest
import torch
from torch import nn
from torch.nn import functional

from segkit.classes import Classes
from segkit.criterion import Criterion, WeightedLoss
from segkit.errors import RegistryError
from segkit.losses.cross_entropy import CrossEntropy
from segkit.losses.dice import Dice
from segkit.losses.focal import Focal
from segkit.matchers.hungarian import HungarianMatcher
from segkit.models.mask_former import MaskFormer
from segkit.ops.points import PointSampling
from segkit.runtime.compilation import compile_parts
from segkit.testing import check_transformer_decoder
from segkit.training.loop import Trainer
from segkit.training.loop_settings import LoopSettings
from segkit.types import Batch, Feature, ImageSizes, Prediction
from tests.helpers.tiny import empty_target, halves_target

CLASSES = Classes.make(["a", "b", "c"])
GROUPS = 2


class DenoisingDecoder(nn.Module):
    """Five usual queries, and GROUPS noised queries of each segment; two layers."""

    def __init__(self, memory, mask_dim, num_classes):
        super().__init__()
        channels = memory[-1].channels
        self.queries = nn.Parameter(torch.randn(5, channels))
        self.of_class = nn.Embedding(num_classes, channels)
        self.layers = nn.ModuleList(nn.Linear(channels, channels) for _ in range(2))
        self.classes, self.masks = nn.Linear(channels, num_classes + 1), nn.Linear(channels, mask_dim)

    def forward(self, memory, mask_features, *, targets=None):
        context = memory[-1].mean((2, 3))[:, None]
        predictions = self.predict(self.queries + context, mask_features)
        if targets is not None:
            most = max(len(target) for target in targets)
            labels = torch.stack([functional.pad(target.labels, (0, most - len(target))) for target in targets])
            states = self.of_class(labels.repeat(1, GROUPS)) + context  # (B, GROUPS * most, C)
            indices = [torch.arange(len(target)) for target in targets]
            matches = [
                (torch.cat([index + group * most for group in range(GROUPS)]), index.repeat(GROUPS))
                for index in indices
            ]
            known = self.predict(states, mask_features)
            predictions = [*(replace(one, matches=matches) for one in known), *predictions]
        return replace(predictions[-1], auxiliary=predictions[:-1])

    def predict(self, states, mask_features):
        found = []
        for layer in self.layers:
            states = states + layer(states).tanh()
            found.append(Prediction(self.classes(states), self.masks(states), mask_features))
        return found


def make_criterion(matcher=None, **settings):
    losses = [
        WeightedLoss("cross_entropy", CrossEntropy(CLASSES), 2.0),
        WeightedLoss("focal", Focal(), 20.0),
        WeightedLoss("dice", Dice(), 1.0),
    ]
    return Criterion(losses, matcher or HungarianMatcher(), True, True, **settings)


def make_prediction(targets, decoder=None):
    torch.manual_seed(0)
    decoder = decoder or DenoisingDecoder([Feature(6, 8)], 4, len(CLASSES)).train()
    return decoder([torch.randn(len(targets), 6, 4, 4)], torch.randn(len(targets), 4, 8, 8), targets=targets)


def by_hand(layer, targets, matches, num_segments):
    """The losses of one layer, one mask after the other."""
    weights = torch.tensor([1.0, 1.0, 1.0, 0.1])
    classes = torch.full(layer.class_logits.shape[:2], 3)
    focal = dice = 0.0
    for image, (queries, segments) in enumerate(matches):
        classes[image, queries] = targets[image].labels[segments]
        for query, segment in zip(queries.tolist(), segments.tolist(), strict=True):
            logits = functional.interpolate(layer.mask_logits[image, query][None, None], size=(32, 32), mode="bilinear")
            mask = targets[image].masks[segment].flatten()[None].float()
            focal += Focal()(logits.flatten()[None], mask, None).item()
            dice += Dice()(logits.flatten()[None], mask, None).item()
    pairs = sum(len(queries) for queries, _ in matches)
    value = functional.cross_entropy(layer.class_logits.flatten(0, 1), classes.flatten(), weights)
    return {"cross_entropy": value.item(), "focal": focal / pairs, "dice": dice / pairs}


TARGETS = [halves_target((32, 32), (0, 2)), empty_target((32, 32)), halves_target((32, 32), (1, 1))]


def test_the_decoder_keeps_the_contract():
    check_transformer_decoder(DenoisingDecoder)


def test_the_loss_is_that_of_a_computation_by_hand():
    prediction = make_prediction(TARGETS)
    assert [layer.num_queries for layer in prediction.layers] == [4, 4, 5, 5]
    report = make_criterion()(prediction, TARGETS)
    total = 0.0
    matched = iter(HungarianMatcher()(prediction.layers[2:], TARGETS))
    for place, layer in enumerate(prediction.layers):
        matches = layer.matches if place < 2 else next(matched)
        suffix = f"/{place}" if place < 3 else ""
        expected = by_hand(layer, TARGETS, matches, 4)
        assert {name: report.parts[name + suffix].item() for name in expected} == pytest.approx(expected, rel=1e-5)
        total += 2 * expected["cross_entropy"] + 20 * expected["focal"] + expected["dice"]
    assert report.total.item() == pytest.approx(total, rel=1e-5)


def test_known_queries_are_not_matched():
    seen = []

    def matcher(layers, targets):
        seen.append(len(layers))
        return HungarianMatcher()(layers, targets)

    make_criterion(matcher)(make_prediction(TARGETS), TARGETS)
    assert seen == [2]


def test_the_gradient_is_that_of_the_whole_at_points_too():
    """Of a batch twice as large, whose images are those of the batch twice: the mean is the same."""
    decoder = DenoisingDecoder([Feature(6, 8)], 4, len(CLASSES)).train()
    torch.manual_seed(1)
    memory, features = torch.randn(3, 6, 4, 4), torch.randn(3, 4, 8, 8)
    gradients = []
    for times in (1, 2):
        decoder.zero_grad()
        targets = TARGETS * times
        prediction = decoder([memory.repeat(times, 1, 1, 1)], features.repeat(times, 1, 1, 1), targets=targets)
        make_criterion()(prediction, targets).total.backward()
        gradients.append([parameter.grad.clone() for parameter in decoder.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
    assert all(bool(one.any()) for one in gradients[0])
    report = make_criterion(points=PointSampling(64, 3.0, 0.75))(make_prediction(TARGETS), TARGETS)
    assert report.total.isfinite()


def test_batches_of_a_step_add_up():
    prediction = make_prediction(TARGETS)
    criterion = make_criterion()
    whole = criterion(prediction, TARGETS)
    normalizers = criterion.normalizers(prediction, TARGETS)
    halves = [criterion(prediction, TARGETS, 2 * normalizers) for _ in range(2)]
    assert sum(half.total for half in halves).item() == pytest.approx(whole.total.item(), rel=1e-5)


def test_images_without_a_segment_have_the_same_layers():
    targets = [empty_target((32, 32))] * 2
    prediction = make_prediction(targets)
    report = make_criterion()(prediction, targets)
    assert report.parts.keys() == make_criterion()(make_prediction(TARGETS), TARGETS).parts.keys()
    assert report.parts["cross_entropy/0"].item() == report.parts["dice/1"].item() == 0
    report.total.backward()


def test_layers_of_other_numbers_of_queries_are_matched_each():
    torch.manual_seed(0)
    features = torch.randn(2, 4, 8, 8)
    targets = TARGETS[::2]
    layers = [Prediction(torch.randn(2, count, 4), torch.randn(2, count, 4), features) for count in (9, 5)]
    report = make_criterion()(replace(layers[1], auxiliary=layers[:1]), targets)
    for layer, suffix in zip(layers, ("/0", ""), strict=True):
        expected = by_hand(layer, targets, HungarianMatcher()([layer], targets)[0], 4)
        assert {name: report.parts[name + suffix].item() for name in expected} == pytest.approx(expected, rel=1e-5)


def test_matches_of_another_number_of_images_are_refused():
    prediction = make_prediction(TARGETS)
    prediction.auxiliary[0].matches = prediction.auxiliary[0].matches[:2]
    with pytest.raises(RegistryError) as caught:
        make_criterion()(prediction, TARGETS)
    assert str(caught.value) == (
        "the prediction of layer 0 gives matches of 2 images, of which there are 3. Check it with "
        "segkit.testing.check_transformer_decoder."
    )


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = [Feature(6, 4)]
        self.first = nn.Conv2d(3, 6, 4, stride=4)

    def forward(self, images):
        return [self.first(images)]


class PixelDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask_dim, self.memory = 6, [Feature(6, 4)]

    def forward(self, features, sizes=None):
        self.sizes = sizes
        return features[0], features


def make_model():
    torch.manual_seed(0)
    return MaskFormer(Backbone(), PixelDecoder(), DenoisingDecoder([Feature(6, 4)], 6, len(CLASSES)))


def test_the_model_passes_on_what_its_parts_name():
    model, images, sizes = make_model(), torch.zeros(1, 3, 32, 32, dtype=torch.uint8), [(20, 32)]
    assert len(model(images, sizes, TARGETS[:1]).auxiliary) == 3
    assert len(model(images).auxiliary) == 1
    model(images, sizes)
    assert model.pixel_decoder.sizes == sizes


def test_compiled_parts_get_it_too(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **settings: function)
    model = make_model().train()
    compile_parts(model)
    images, sizes = torch.zeros(1, 3, 32, 32, dtype=torch.uint8), [(20, 32)]
    assert len(model(images, sizes, TARGETS[:1]).auxiliary) == 3
    assert model.pixel_decoder.sizes == sizes


@pytest.mark.parametrize("accumulate", [1, 2])
def test_it_learns_in_a_training(accumulate):
    images = torch.full((2, 3, 32, 32), 20, dtype=torch.uint8)
    images[..., 16:] = 220
    targets = [halves_target((32, 32), (0, 2)), halves_target((32, 32), (2, 1))]
    sizes = [ImageSizes((32, 32), (32, 32), (32, 32))] * 2
    batch = Batch(images, sizes, targets, ["a.png", "b.png"], [0, 1])
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    settings = LoopSettings(steps=25, accumulate=accumulate)
    trainer = Trainer(model, make_criterion(), optimizer, lambda step, steps: 1.0, repeat(batch), settings)
    before = model.transformer_decoder.of_class.weight.detach().clone()
    reports = []
    compute = trainer.training_step.compute_gradients
    trainer.training_step.compute_gradients = lambda *inputs: reports.append(compute(*inputs)) or reports[-1]
    trainer.run()
    first, last = reports[0].losses, reports[-1].losses
    for name in ("cross_entropy/1", "dice/1", "cross_entropy", "dice"):
        assert last[name] < 0.7 * first[name], name
    assert not torch.equal(before, model.transformer_decoder.of_class.weight)
