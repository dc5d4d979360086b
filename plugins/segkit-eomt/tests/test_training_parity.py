"""Losses, their gradients and twenty steps equal those of transformers' EoMT, at the same random points.

Both programs draw the points of matching and losses, in another order. Here every draw of points gives the same ones:
centers of pixels away from the border, where the mask of a segment is exact and both continue a map alike.
"""

import pytest
import torch
from segkit_eomt.names import their_names

from segkit.classes import Classes
from segkit.criterion import Criterion, WeightedLoss
from segkit.losses.binary_cross_entropy import BinaryCrossEntropy
from segkit.losses.cross_entropy import CrossEntropy
from segkit.losses.dice import Dice
from segkit.matchers.hungarian import HungarianMatcher
from segkit.ops.points import PointSampling
from segkit.ops.targets import prepare_for_training
from segkit.types import NO_SEGMENT, Target

SIZE = (64, 64)
POINTS = 64


@pytest.fixture
def same_points(monkeypatch):
    drawn = torch.rand

    def draw(*size, **settings):
        if size[-1] != 2 or len(size) != 3:
            return drawn(*size, **settings)
        generator = torch.Generator().manual_seed(size[1])
        pixels = torch.randint(8, SIZE[0] - 8, (size[1], 2), generator=generator)
        return ((pixels + 0.5) / SIZE[0]).expand(size[0], -1, -1).clone()

    monkeypatch.setattr(torch, "rand", draw)


def batch_of(number):
    """Two images whose segments are bands; of each number others."""
    generator = torch.Generator().manual_seed(100 + number)
    targets = []
    for _ in range(2):
        edges = torch.randint(8, SIZE[1] - 8, (2,), generator=generator).sort().values
        columns = torch.bucketize(torch.arange(SIZE[1]), edges, right=True).to(torch.int16)
        segment_map = columns.expand(SIZE).clone()
        segment_map[: int(torch.randint(0, 16, (), generator=generator))] = NO_SEGMENT
        labels = torch.randint(0, 3, (3,), generator=generator)
        targets.append(prepare_for_training(Target(labels, segment_map)))
    images = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8, generator=generator)
    return images, targets


def criterion():
    matcher = HungarianMatcher(
        class_cost=2.0, mask_cost=5.0, dice_cost=5.0, mask_loss="binary_cross_entropy", num_points=POINTS
    )
    losses = [
        WeightedLoss("cross_entropy", CrossEntropy(Classes.make(["sky", "road", "car"]), no_object_weight=0.1), 2.0),
        WeightedLoss("binary_cross_entropy", BinaryCrossEntropy(), 5.0),
        WeightedLoss("dice", Dice(), 5.0),
    ]
    return Criterion(losses, matcher, deep_supervision=True, ignore_void=False, points=PointSampling(POINTS))


def losses_of(ours, theirs, number):
    images, targets = batch_of(number)
    own = criterion()(ours(images), targets).total
    output = theirs(
        ours.normalization(images),
        mask_labels=[target.masks.float() for target in targets],
        class_labels=[target.labels for target in targets],
    )
    return own, output.loss


@pytest.mark.parametrize("name", ["dinov2", "dinov2 of one head", "dinov3", "dinov3 without biases"])
def test_losses_and_gradients_are_equal(pair, same_points, name):
    ours, theirs = pair(name, train_num_points=POINTS)
    own, expected = losses_of(ours.train(), theirs.train(), 0)
    assert own.item() == pytest.approx(expected.item(), rel=1e-4)
    own.backward()
    expected.backward()
    found = {key: parameter.grad for key, parameter in theirs.named_parameters()}
    for key, parameter in ours.named_parameters():
        gradient = torch.cat([found[one] for one in their_names(key, rotary="dinov3" in name)])
        scale = float(gradient.abs().max())
        assert scale > 0
        assert float((parameter.grad - gradient.reshape(parameter.shape)).abs().max()) <= 1e-4 * scale, key


@pytest.mark.parametrize("name", ["dinov2", "dinov3"])
def test_twenty_steps_lose_the_same(pair, same_points, name):
    ours, theirs = pair(name, train_num_points=POINTS)
    ours.train()
    theirs.train()
    optimizers = [torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.05) for model in (ours, theirs)]
    losses = []
    for step in range(20):
        both = losses_of(ours, theirs, step % 2)
        for loss, optimizer in zip(both, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append([loss.item() for loss in both])
    assert [own for own, _ in losses] == pytest.approx([other for _, other in losses], rel=1e-3)
    assert sum(own for own, _ in losses[-3:]) < 0.9 * sum(own for own, _ in losses[:3]), "nothing was learned"
