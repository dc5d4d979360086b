"""Losses of all layers, their gradients and twenty steps equal those of transformers, at the same random points.

Both programs draw the points of matching and losses, in another order. Here every draw of points gives the same ones:
centers of pixels away from the border, where the mask of a segment is exact and both continue a map alike.
"""

import pytest
import torch
from segkit_mask2former.formats import HuggingFaceMask2Former
from segkit_mask2former.names import split_projections, their_names

from segkit.build import build_criterion
from segkit.ops.targets import prepare_for_training
from segkit.runtime.checkpoint_source import CheckpointSource
from segkit.types import NO_SEGMENT, Target

SIZE = (64, 64)
POINTS = 64


@pytest.fixture(autouse=True)
def same_points(monkeypatch):
    drawn = torch.rand

    def draw(*size, **settings):
        if size[-1] != 2 or len(size) != 3:
            return drawn(*size, **settings)
        generator = torch.Generator().manual_seed(size[1])
        pixels = torch.randint(8, SIZE[0] - 8, (size[1], 2), generator=generator)
        return ((pixels + 0.5) / SIZE[0]).expand(size[0], -1, -1).clone()

    monkeypatch.setattr(torch, "rand", draw)


@pytest.fixture
def trained(written):
    """Makes (our model, our criterion, their model), ready to train."""

    def make(name):
        theirs, folder = written(name, train_num_points=POINTS)
        imported = HuggingFaceMask2Former().read(CheckpointSource(str(folder)))
        return imported.model.train(), build_criterion(imported.config, imported.classes), theirs.train()

    return make


def batch_of(number):
    """Two images whose segments are bands; of each number others."""
    generator = torch.Generator().manual_seed(100 + number)
    targets = []
    for _ in range(2):
        edges = torch.randint(8, SIZE[1] - 8, (2,), generator=generator).sort().values
        segment_map = torch.bucketize(torch.arange(SIZE[1]), edges, right=True).to(torch.int16).expand(SIZE).clone()
        segment_map[: int(torch.randint(0, 16, (), generator=generator))] = NO_SEGMENT
        targets.append(prepare_for_training(Target(torch.randint(0, 3, (3,), generator=generator), segment_map)))
    return torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8, generator=generator), targets


def losses_of(ours, criterion, theirs, number):
    images, targets = batch_of(number)
    output = theirs(
        ours.normalization(images),
        mask_labels=[target.masks.float() for target in targets],
        class_labels=[target.labels for target in targets],
    )
    return criterion(ours(images), targets).total, output.loss


@pytest.mark.parametrize("name", ["swin", "resnet18"])
def test_losses_and_gradients_are_equal(trained, name):
    ours, criterion, theirs = trained(name)
    own, expected = losses_of(ours, criterion, theirs, 0)
    assert own.item() == pytest.approx(expected.item(), rel=1e-4)
    own.backward()
    expected.backward()
    found = split_projections({key: one.grad for key, one in theirs.named_parameters() if one.grad is not None})
    names = their_names(key for key, _ in ours.named_parameters())
    if name == "swin":  # in memory, its tensors have other names than in files
        names = {key: one for key, one in names.items() if not key.startswith("backbone.")}
    scales = []
    for key, (their,) in names.items():
        scales.append(float(found[their].abs().max()))
        # Some gradients are 0 but for rounding: those of biases before a softmax, for one.
        error = float((ours.get_parameter(key).grad - found[their]).abs().max())
        assert error <= 1e-3 * scales[-1] + 2e-6, key
    assert sorted(scales)[len(scales) // 10] > 1e-3


@pytest.mark.parametrize("name", ["swin", "resnet18"])
def test_twenty_steps_lose_the_same(trained, name):
    ours, criterion, theirs = trained(name)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.05) for model in (ours, theirs)]
    losses = []
    for step in range(20):
        both = losses_of(ours, criterion, theirs, step % 2)
        for loss, optimizer in zip(both, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append([loss.item() for loss in both])
    assert [own for own, _ in losses] == pytest.approx([other for _, other in losses], rel=1e-3)
    assert sum(own for own, _ in losses[-3:]) < 0.95 * sum(own for own, _ in losses[:3]), "nothing was learned"
