"""The criterion against transformers' loss, and its own rules."""

import pytest
import torch

from segkit.classes import Classes
from segkit.criterion import Criterion, WeightedLoss
from segkit.errors import ConfigError
from segkit.ops.points import PointSampling
from segkit.ops.targets import label_map_of, prepare_for_training
from segkit.registries import LOSSES, MATCHERS
from segkit.types import NO_SEGMENT, PixelPrediction, Prediction, Target
from tests.helpers.criterion_cases import ScaledError, no_segments

CLASSES = Classes.make(["a", "b", "c"])


def make_criterion(deep_supervision=True, ignore_void=False, more=(), **settings):
    losses = [
        WeightedLoss("cross_entropy", LOSSES.get("cross_entropy")(CLASSES), 1.0),
        WeightedLoss("focal", LOSSES.get("focal")(), 20.0),
        WeightedLoss("dice", LOSSES.get("dice")(), 1.0),
        *more,
    ]
    return Criterion(losses, MATCHERS.get("hungarian")(), deep_supervision, ignore_void, **settings)


def make_prediction(num_layers=2, queries=7, side=8):
    torch.manual_seed(0)
    features = torch.randn(2, 4, side, side, requires_grad=True)
    layers = [
        Prediction(
            torch.randn(2, queries, len(CLASSES) + 1, requires_grad=True),
            mask_embeddings=torch.randn(2, queries, 4, requires_grad=True),
            mask_features=features,
        )
        for _ in range(num_layers)
    ]
    layers[-1].auxiliary = layers[:-1]
    return layers[-1]


def leaves_of(prediction):
    layers = prediction.layers
    return [prediction.mask_features, *(one for la in layers for one in (la.class_logits, la.mask_embeddings))]


def make_targets(side=32, void=False):
    generator = torch.Generator().manual_seed(1)
    targets = []
    for count in (3, 2):
        segment_map = torch.randint(0, count, (side, side), generator=generator, dtype=torch.int16)
        valid = None
        if void:
            segment_map[: side // 2] = NO_SEGMENT
            valid = segment_map != NO_SEGMENT
        targets.append(Target(torch.randint(0, 3, (count,), generator=generator), segment_map, valid=valid))
    return targets


def test_the_last_layer_agrees_with_transformers():
    from transformers.models.maskformer.modeling_maskformer import MaskFormerHungarianMatcher, MaskFormerLoss

    prediction, targets = make_prediction(), make_targets()
    theirs = MaskFormerLoss(
        num_labels=len(CLASSES),
        matcher=MaskFormerHungarianMatcher(cost_class=1.0, cost_mask=20.0, cost_dice=1.0),
        weight_dict={},
        eos_coef=0.1,
    )(
        prediction.mask_logits,
        prediction.class_logits,
        [target.masks.float() for target in targets],
        [target.labels for target in targets],
    )
    parts = make_criterion()(prediction, targets).parts
    torch.testing.assert_close(parts["cross_entropy"], theirs["loss_cross_entropy"].detach())
    torch.testing.assert_close(parts["focal"], theirs["loss_mask"].detach())
    torch.testing.assert_close(parts["dice"], theirs["loss_dice"].detach())


def test_all_layers_and_their_gradients_agree_with_transformers():
    from transformers.models.maskformer.modeling_maskformer import MaskFormerHungarianMatcher, MaskFormerLoss

    prediction, targets = make_prediction(num_layers=3), make_targets()
    leaves = leaves_of(prediction)
    auxiliary = [
        {"masks_queries_logits": layer.mask_logits, "class_queries_logits": layer.class_logits}
        for layer in prediction.auxiliary
    ]
    theirs = MaskFormerLoss(
        num_labels=len(CLASSES),
        matcher=MaskFormerHungarianMatcher(cost_class=1.0, cost_mask=20.0, cost_dice=1.0),
        weight_dict={},
        eos_coef=0.1,
    )(
        prediction.mask_logits,
        prediction.class_logits,
        [target.masks.float() for target in targets],
        [target.labels for target in targets],
        auxiliary,
    )
    expected = sum(value * (20 if "mask" in name else 1) for name, value in theirs.items())
    report = make_criterion()(prediction, targets)
    torch.testing.assert_close(report.total, expected)
    gradients = torch.autograd.grad(report.total, leaves)
    for ours, their in zip(gradients, torch.autograd.grad(expected, leaves), strict=True):
        torch.testing.assert_close(ours, their)


def any_targets(seed):
    """Odd sizes, void pixels, crowds, and masks that overlap."""
    generator = torch.Generator().manual_seed(seed)
    height, width = torch.randint(8, 70, (2,), generator=generator).tolist()
    masks = torch.rand(4, height, width, generator=generator) > 0.6
    crowded = prepare_for_training(
        Target(
            torch.tensor([0, 1, 2, 1]),
            overlapping_masks=masks,
            valid=torch.rand(height, width, generator=generator) > 0.1,
            is_crowd=torch.tensor([False, True, False, False]),
        )
    )
    segment_map = torch.randint(-1, 3, (height, width), generator=generator, dtype=torch.int16)
    return [crowded, Target(torch.tensor([2, 0, 0]), segment_map)]


@pytest.mark.slow
def test_compiled_plain_and_learnable_losses_agree():
    learnable = [WeightedLoss("scaled", ScaledError(), 0.0)]
    plain, *others = (
        make_criterion(ignore_void=True),
        make_criterion(ignore_void=True, more=learnable),
        make_criterion(ignore_void=True, compiled=True),
    )
    for seed in range(4):
        prediction, targets = make_prediction(), any_targets(seed)
        report = plain(prediction, targets)
        gradients = torch.autograd.grad(report.total, leaves_of(prediction))
        for criterion in others:
            prediction = make_prediction()
            again = criterion(prediction, targets)
            for name, value in report.parts.items():
                torch.testing.assert_close(again.parts[name], value, rtol=1e-6, atol=1e-7)
            for ours, expected in zip(torch.autograd.grad(again.total, leaves_of(prediction)), gradients, strict=True):
                assert (ours - expected).abs().max() <= 1e-6 * expected.abs().max()


def test_points_of_each_mask_come_close_to_all_pixels():
    prediction, targets = make_prediction(), make_targets(void=True)
    whole = make_criterion(ignore_void=True)(prediction, targets).parts
    torch.manual_seed(0)
    report = make_criterion(ignore_void=True, points=PointSampling(5000, 1.0, 0.0))(prediction, targets)
    for name, value in report.parts.items():
        torch.testing.assert_close(value, whole[name], rtol=0.05, atol=0)
    report.total.backward()
    assert prediction.mask_features.grad.abs().sum() > 0


def test_the_total_is_the_weighted_sum_over_layers():
    prediction = make_prediction(num_layers=3)
    report = make_criterion()(prediction, make_targets())
    weights = {"cross_entropy": 1, "focal": 20, "dice": 1}
    expected = sum(weights[name.partition("/")[0]] * value for name, value in report.parts.items())
    assert set(report.parts) == {f"{name}{suffix}" for name in weights for suffix in ("", "/0", "/1")}
    torch.testing.assert_close(report.total.detach(), expected)


def test_without_deep_supervision_only_the_last_layer_has_losses():
    prediction = make_prediction()
    report = make_criterion(deep_supervision=False)(prediction, make_targets())
    assert set(report.parts) == {"cross_entropy", "focal", "dice"}
    report.total.backward()
    assert prediction.auxiliary[0].class_logits.grad is None


def test_no_segment_at_all_still_reaches_every_tensor():
    prediction = make_prediction()
    empty = no_segments((32, 32))
    report = make_criterion()(prediction, [empty, empty])
    report.total.backward()
    for layer in prediction.layers:
        assert layer.class_logits.grad.abs().sum() > 0
        assert torch.equal(layer.mask_embeddings.grad, torch.zeros_like(layer.mask_embeddings))
    assert torch.equal(prediction.mask_features.grad, torch.zeros_like(prediction.mask_features))


def test_void_counts_as_outside_or_not_at_all():
    targets = make_targets(void=True)
    as_negative = make_criterion()(make_prediction(), targets).parts
    as_ignored = make_criterion(ignore_void=True)(make_prediction(), targets).parts
    without_void = [Target(target.labels, target.segment_map) for target in targets]
    expected = make_criterion(ignore_void=True)(make_prediction(), without_void).parts
    assert torch.equal(as_negative["dice"], expected["dice"])
    assert as_ignored["dice"] < as_negative["dice"]


def test_class_weights_go_by_name():
    loss = LOSSES.get("cross_entropy")(CLASSES, no_object_weight=0.5, class_weights={"b": 3.0})
    assert loss.weights.tolist() == [1, 3, 1, 0.5]
    with pytest.raises(ConfigError) as caught:
        LOSSES.get("cross_entropy")(Classes.make(["road", "car"]), class_weights={"raod": 2.0})
    assert str(caught.value) == (
        "loss 'cross_entropy': class_weights: the dataset has no class 'raod'. Did you mean 'road'? "
        "Its classes: road, car"
    )


def test_mask_losses_without_a_matcher_are_refused():
    loss = WeightedLoss("dice", LOSSES.get("dice")(), 1.0)
    with pytest.raises(ConfigError) as caught:
        Criterion([loss], None, True, False)
    assert str(caught.value) == "criterion.matcher: loss 'dice' needs a matcher, such as {type: hungarian}."


def test_losses_of_one_name_are_refused():
    with pytest.raises(ConfigError) as caught:
        make_criterion(more=[WeightedLoss("dice", LOSSES.get("dice")(), 2.0)])
    assert str(caught.value) == (
        "criterion.losses: all names must be different; these are cross_entropy, focal, dice, dice."
    )


def test_a_loss_may_be_a_plain_function_object():
    class Area:
        input_type = "masks"

        def __call__(self, logits, targets, valid):
            return logits.sigmoid().mean(1)

    report = make_criterion(more=[WeightedLoss("area", Area(), 1.0)])(make_prediction(), make_targets())
    assert 0 < report.parts["area"] < 1


def test_the_pixel_loss_counts_labeled_pixels():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    targets = make_targets(void=True)
    criterion = Criterion([WeightedLoss("pixels", LOSSES.get("pixel_cross_entropy")(CLASSES), 2.0)], None, True, False)
    report = criterion(PixelPrediction(logits, [PixelPrediction(logits)]), targets)
    full = torch.nn.functional.interpolate(logits, size=(32, 32), mode="bilinear", align_corners=False)
    labels = torch.stack([label_map_of(target, void=-1) for target in targets])
    expected = torch.nn.functional.cross_entropy(full, labels, ignore_index=-1)
    torch.testing.assert_close(report.parts["pixels"], expected.detach())
    torch.testing.assert_close(report.total, 2 * 2 * expected)


def test_pixel_loss_refuses_queries():
    criterion = Criterion([WeightedLoss("pixels", LOSSES.get("pixel_cross_entropy")(CLASSES), 1.0)], None, True, False)
    with pytest.raises(ConfigError) as caught:
        criterion(make_prediction(), make_targets())
    assert str(caught.value) == (
        "loss 'pixel_cross_entropy': this model predicts masks of queries, not pixels. Use it with a per-pixel model "
        "such as 'per_pixel', or use the losses 'cross_entropy', 'focal' and 'dice'."
    )


def test_losses_of_queries_refuse_pixels():
    prediction = PixelPrediction(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ConfigError) as caught:
        make_criterion()(prediction, make_targets())
    assert str(caught.value) == (
        "criterion.losses: loss 'cross_entropy' needs a model with queries, but this model predicts the class of each "
        "pixel. Use the loss 'pixel_cross_entropy', or a model with queries such as 'mask_former'."
    )


class MatchedArea(torch.nn.Module):
    """A general loss: the mean probability of the matched masks."""

    input_type = "prediction"

    def forward(self, prediction, targets, matches):
        masks = [prediction.mask_logits_of(image, query) for image, (query, _) in enumerate(matches)]
        return torch.cat(masks).sigmoid().mean()


def test_a_general_loss_is_given_the_matches_of_its_layer():
    prediction, targets = make_prediction(), make_targets()
    report = make_criterion(more=[WeightedLoss("area", MatchedArea(), 2.0)])(prediction, targets)
    matches = MATCHERS.get("hungarian")()(prediction.layers, targets)
    for suffix, layer, of_layer in zip(("/0", ""), prediction.layers, matches, strict=True):
        torch.testing.assert_close(report.parts[f"area{suffix}"], MatchedArea()(layer, targets, of_layer).detach())
    without = make_criterion()(prediction, targets)
    areas = report.parts["area"] + report.parts["area/0"]
    torch.testing.assert_close(report.total, without.total + 2 * areas)


def moved(prediction, device):
    """The same prediction with leaves of its own on `device`."""
    features = prediction.mask_features.detach().to(device).requires_grad_()
    layers = [
        Prediction(
            layer.class_logits.detach().to(device).requires_grad_(),
            mask_embeddings=layer.mask_embeddings.detach().to(device).requires_grad_(),
            mask_features=features,
        )
        for layer in prediction.layers
    ]
    layers[-1].auxiliary = layers[:-1]
    return layers[-1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares a GPU with the CPU")
@pytest.mark.parametrize("make_case", [make_targets, lambda: make_targets(void=True), lambda: any_targets(0)])
@pytest.mark.parametrize("side", [8, 9])
def test_a_gpu_computes_the_loss_and_gradients_of_the_cpu(make_case, side):
    """Maps of 8 x 8 are upsampled to 32 x 32 by phase, all others by matrix products."""
    prediction, targets = make_prediction(num_layers=3, side=side), make_case()
    results = []
    for device in ("cpu", "cuda"):
        own = moved(prediction, device)
        criterion = make_criterion(ignore_void=True).to(device)
        report = criterion(own, [target.to(device) for target in targets])
        gradients = torch.autograd.grad(report.total, leaves_of(own))
        results.append((report.total.detach(), report.parts, gradients))
    (total, parts, gradients), (gpu_total, gpu_parts, gpu_gradients) = results
    torch.testing.assert_close(gpu_total.cpu(), total, rtol=1e-4, atol=1e-5)
    assert list(gpu_parts) == list(parts)
    for name, value in parts.items():
        torch.testing.assert_close(gpu_parts[name].cpu(), value, rtol=1e-4, atol=1e-5)
    for ours, expected in zip(gpu_gradients, gradients, strict=True):
        assert (ours.cpu() - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares a GPU with the CPU")
def test_points_on_a_gpu_come_close_to_all_pixels_on_the_cpu():
    prediction, targets = make_prediction(), make_targets(void=True)
    whole = make_criterion(ignore_void=True)(prediction, targets).parts
    own = moved(prediction, "cuda")
    torch.manual_seed(0)
    criterion = make_criterion(ignore_void=True, points=PointSampling(5000, 1.0, 0.0)).to("cuda")
    report = criterion(own, [target.to("cuda") for target in targets])
    for name, value in report.parts.items():
        torch.testing.assert_close(value.cpu(), whole[name], rtol=0.05, atol=0)
    report.total.backward()
    assert own.mask_features.grad.abs().sum() > 0
