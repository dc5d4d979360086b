"""One batch, or the same images in parts: the loss is the same."""

import pytest
import torch

from segkit.classes import Classes
from segkit.criterion import Criterion, WeightedLoss
from segkit.criterion.normalizers import mean_over_processes
from segkit.registries import LOSSES, MATCHERS
from segkit.types import NO_SEGMENT, PixelPrediction, Prediction, Target

CLASSES = Classes.make(["a", "b", "c"])
SIDE = 16


class ImageMean(torch.nn.Module):
    """A general loss without a normalizer: all images weigh the same."""

    input_type = "prediction"

    def forward(self, prediction, targets, matches):
        return prediction.class_logits.square().mean()


def target_of(count):
    generator = torch.Generator().manual_seed(count)
    segment_map = torch.randint(-1, max(count, 0), (SIDE, SIDE), generator=generator, dtype=torch.int16)
    return Target(torch.randint(0, 3, (count,), generator=generator), segment_map)


def criterion_of(*more, no_object_weight=0.1, class_weights=None):
    make = LOSSES.get("cross_entropy")
    losses = [
        WeightedLoss(
            "cross_entropy", make(CLASSES, no_object_weight=no_object_weight, class_weights=class_weights), 2.0
        ),
        WeightedLoss("dice", LOSSES.get("dice")(), 5.0),
        WeightedLoss("focal", LOSSES.get("focal")(), 20.0),
        WeightedLoss("image_mean", ImageMean(), 0.5),
        *more,
    ]
    return Criterion(losses, MATCHERS.get("hungarian")(), True, False)


def factors(images, queries=5):
    torch.manual_seed(0)
    shapes = [(images, queries, 4), (images, queries, 4), (images, queries, 4), (images, queries, 4), (images, 4, 4, 4)]
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


def prediction_of(tensors, images=slice(None)):
    logits, embeddings, earlier_logits, earlier_embeddings, features = (tensor[images] for tensor in tensors)
    return Prediction(
        logits, embeddings, features, auxiliary=[Prediction(earlier_logits, earlier_embeddings, features)]
    )


def check_parts(criterion, targets, parts, queries=5):
    """Compares the loss of all images and its gradient with those of the parts, each a slice of the images."""
    tensors = factors(len(targets), queries)
    whole = criterion(prediction_of(tensors), targets)
    expected = torch.autograd.grad(whole.total, tensors)
    normalizers = sum(criterion.normalizers(prediction_of(tensors, part), targets[part]) for part in parts)
    torch.testing.assert_close(normalizers, criterion.normalizers(prediction_of(tensors), targets))
    reports = [criterion(prediction_of(tensors, part), targets[part], normalizers) for part in parts]
    total = sum(report.total for report in reports)
    torch.testing.assert_close(total, whole.total)
    for name, value in whole.parts.items():
        torch.testing.assert_close(sum(report.parts[name] for report in reports), value)
    for ours, theirs in zip(torch.autograd.grad(total, tensors), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("no_object_weight", [0, 0.1, 1])
@pytest.mark.parametrize("counts", [(1, 4, 0, 3), (0, 0, 5, 0), (0, 0, 0, 0), (2, 2, 2, 2)], ids=str)
def test_parts_add_up_to_the_loss_of_all_images(counts, no_object_weight):
    criterion = criterion_of(no_object_weight=no_object_weight)
    targets = [target_of(count) for count in counts]
    check_parts(criterion, targets, [slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4)])
    check_parts(criterion, targets, [slice(0, 3), slice(3, 4)])


@pytest.mark.filterwarnings("ignore:matcher 'hungarian'")
def test_parts_add_up_where_an_image_has_more_segments_than_queries():
    """Which segments are matched is not known before, and their classes differ in weight."""
    criterion = criterion_of(class_weights={"a": 0.2, "b": 3.0})
    check_parts(criterion, [target_of(9), target_of(1)], [slice(0, 1), slice(1, 2)], queries=4)


def test_without_any_weight_the_class_loss_is_zero():
    report = criterion_of(no_object_weight=0)(prediction_of(factors(1)), [target_of(0)])
    assert report.parts["cross_entropy"].item() == 0
    assert report.total.isfinite()


def test_the_normalizers_of_a_batch():
    """Three segments, of 0.2, 3 and 1 by class, seven queries without; then the number of masks and of images."""
    target = Target(torch.tensor([0, 1, 2]), torch.zeros(SIDE, SIDE, dtype=torch.int16))
    criterion = criterion_of(class_weights={"a": 0.2, "b": 3.0})
    normalizers = criterion.normalizers(prediction_of(factors(2)), [target, target_of(0)])
    torch.testing.assert_close(normalizers, torch.tensor([4.2 + 0.7, 3, 3, 2]))


def test_labeled_pixels_of_several_batches_share_one_mean():
    criterion = Criterion([WeightedLoss("ce", LOSSES.get("pixel_cross_entropy")(CLASSES), 3.0)], None, True, True)
    logits = torch.randn(3, 3, 4, 4, requires_grad=True)
    half = target_of(2)
    half.valid = torch.arange(SIDE).expand(SIDE, SIDE) < SIDE // 2
    masks = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    masks[0, :2] = True
    targets = [half, target_of(0), Target(torch.tensor([1]), overlapping_masks=masks)]
    whole = criterion(PixelPrediction(logits), targets)
    normalizers = criterion.normalizers(PixelPrediction(logits), targets)
    labeled = (half.segment_map != NO_SEGMENT) & half.valid
    assert normalizers.tolist() == [labeled.sum().item() + 2 * SIDE]
    reports = [criterion(PixelPrediction(logits[[i]]), [targets[i]], normalizers) for i in range(3)]
    torch.testing.assert_close(sum(report.total for report in reports), whole.total)


def test_a_lone_process_is_its_own_mean():
    assert mean_over_processes(torch.tensor([1.0, 2.0])).tolist() == [1, 2]
