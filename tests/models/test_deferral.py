"""When mask features are deferred, and that no mask shows it."""

import pytest
import torch
from torch import Tensor, nn

from segkit.build import build_criterion, build_model, dataset_classes
from segkit.config import load_config
from segkit.inspection.cost import analyze
from segkit.models.mask_former import MaskFormer
from segkit.transformer_decoders.standard import StandardDecoder
from segkit.types import DeferredFeatures, Target
from tests.helpers.tiny import empty_target, write_tiny

NAMES = ["mask_former", "mask_former with transformer_fpn"]
IMAGES = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def built(folder, name="mask_former"):
    torch.manual_seed(0)
    return build_model(load_config(write_tiny(folder, name))).eval()


@pytest.mark.parametrize("name", NAMES)
def test_masks_in_evaluation_are_those_with_gradients(tmp_path, name):
    model = built(tmp_path, name)
    plain = model(IMAGES)
    with torch.no_grad():
        deferred = model(IMAGES)
    assert isinstance(plain.mask_features, Tensor)
    for layer, expected in zip(deferred.layers, plain.layers, strict=True):
        assert isinstance(layer.mask_features, DeferredFeatures)
        assert layer.mask_features is deferred.mask_features
        difference = (layer.mask_logits - expected.mask_logits).abs().max()
        assert difference <= 1e-5 * expected.mask_logits.abs().max()
    assert torch.equal(deferred.mask_source.features, plain.mask_features)


def test_training_without_gradients_defers_nothing(tmp_path):
    model = built(tmp_path).train()
    with torch.no_grad():
        assert isinstance(model(IMAGES).mask_features, Tensor)


def stripes(number):
    """A target of `number` segments side by side."""
    if number == 0:
        return empty_target((64, 96))
    columns = (torch.arange(96) * number // 96).to(torch.int16)
    return Target(torch.arange(number) % 3, columns.expand(64, 96).contiguous())


@pytest.mark.parametrize("segments", [0, 1, 3, 8])  # the masks of all layers are fewer than channels, or as many
@pytest.mark.parametrize("name", NAMES)
def test_training_has_the_plain_losses_and_gradients(tmp_path, name, segments, monkeypatch):
    config = load_config(write_tiny(tmp_path, name))
    torch.manual_seed(0)
    model = build_model(config).train()
    criterion = build_criterion(config, dataset_classes(config))
    targets = [stripes(segments), stripes(max(segments - 1, 0))]

    def step():
        model.zero_grad()
        torch.manual_seed(0)  # of the dropout
        prediction = model(IMAGES)
        report = criterion(prediction, targets)
        report.total.backward()
        gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
        return prediction.mask_features, report.named, gradients

    features, losses, gradients = step()
    assert isinstance(features, DeferredFeatures)
    monkeypatch.setattr(type(model), "may_defer", lambda model, images: False)
    plain, expected_losses, expected = step()
    assert isinstance(plain, Tensor)
    assert set(gradients) == set(expected)
    assert len(gradients) == len(list(model.parameters()))
    torch.testing.assert_close(losses, expected_losses, atol=1e-5, rtol=1e-5)
    for parameter, gradient in gradients.items():
        scale = max(expected[parameter].abs().max(), 1e-3)
        assert (gradient - expected[parameter]).abs().max() <= 1e-4 * scale, parameter


class Features(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(images).mask_features


@torch.no_grad()
def test_what_is_traced_defers_nothing(tmp_path):
    features = Features(built(tmp_path))
    expected = features.model(IMAGES).mask_source.features
    compiled = torch.compile(features, backend="eager", fullgraph=True)(IMAGES)
    exported = torch.export.export(features, (IMAGES,)).module()(IMAGES)
    torch._dynamo.reset()
    assert isinstance(compiled, Tensor)
    torch.testing.assert_close(compiled, expected)
    torch.testing.assert_close(exported, expected)


def test_the_cost_of_the_mask_features_is_that_of_their_convolution(tmp_path):
    costs = analyze(built(tmp_path), (64, 96)).parts
    assert costs["pixel_decoder.mask_features"].multiply_adds == 8 * 12 * 9 * 16 * 16  # 8 x 12 pixels


class Reading(StandardDecoder):
    def forward(self, memory: list[Tensor], mask_features: Tensor):
        return super().forward(memory, mask_features * 2)


class Unresolved(StandardDecoder):
    def forward(self, memory: list[Tensor], mask_features: "Tensor | OnlyForTypeCheckers"):  # noqa: F821
        return super().forward(memory, mask_features)


@pytest.mark.parametrize("kind", [Reading, Unresolved])
def test_a_decoder_that_does_not_say_so_gets_tensors(tmp_path, kind):
    model = built(tmp_path)
    decoder = kind(model.pixel_decoder.memory, 16, 8, num_queries=8, num_layers=1, num_heads=2, hidden_dim=16)
    with torch.no_grad():
        prediction = MaskFormer(model.backbone, model.pixel_decoder, decoder).eval()(IMAGES)
    assert isinstance(prediction.mask_features, Tensor)


class Doubled(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.weight, self.bias = inner, inner.weight, inner.bias

    def forward(self, maps):
        return 2 * self.inner(maps)


def test_a_replaced_convolution_is_called(tmp_path):
    model = built(tmp_path)
    with torch.no_grad():
        expected = 2 * model(IMAGES).mask_logits
        model.pixel_decoder.mask_features = Doubled(model.pixel_decoder.mask_features)
        torch.testing.assert_close(model(IMAGES).mask_logits, expected, atol=1e-4, rtol=1e-4)


def test_per_pixel_models_read_the_features(tmp_path):
    model = built(tmp_path, "per_pixel with queries")
    expected = model(IMAGES).pixel_logits
    with torch.no_grad():
        assert torch.equal(model(IMAGES).pixel_logits, expected)
