"""Twenty steps from the same weights and batches: transformers' training and ours lose the same.

The learning rate is small since a training is chaotic: with batch norms over a few pixels even their own training,
begun a second time from weights changed by 1e-7, loses otherwise after a few larger steps.
"""

import pytest
import torch

from segkit.build import build_criterion
from segkit.interop.huggingface import import_huggingface
from segkit.ops.targets import prepare_for_training
from segkit.types import NO_SEGMENT, Target
from tests.helpers.huggingface_cases import random_images, separate_queries, write_theirs

SIZE = (64, 64)


def batch_of(step):
    """Two images whose segments are bands that lie otherwise at each step."""
    torch.manual_seed(100 + step)
    targets = []
    for _ in range(2):
        edges = torch.randint(8, SIZE[1] - 8, (2,)).sort().values
        columns = torch.bucketize(torch.arange(SIZE[1]), edges, right=True).to(torch.int16)
        segment_map = columns.expand(SIZE).clone()
        segment_map[: int(torch.randint(0, 16, ()))] = NO_SEGMENT
        targets.append(prepare_for_training(Target(torch.randint(0, 3, (3,)), segment_map)))
    return random_images(2, SIZE, SIZE), targets


@pytest.mark.parametrize("name", ["swin", "resnet18"])
def test_twenty_steps_lose_the_same(tmp_path, name):
    theirs = write_theirs(tmp_path, name)
    separate_queries(theirs, torch.randn(2, 3, *SIZE), gain=3.0)
    theirs.save_pretrained(tmp_path)
    imported = import_huggingface(tmp_path)
    ours = imported.model.train()
    theirs.train()
    criterion = build_criterion(imported.config, imported.classes)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.05) for model in (ours, theirs)]
    losses = []
    for step in range(20):
        images, targets = batch_of(step)
        own = criterion(ours(images), targets).total
        output = theirs(
            ours.normalization(images),
            mask_labels=[target.masks.float() for target in targets],
            class_labels=[target.labels for target in targets],
        )
        for loss, optimizer in zip((own, output.loss), optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append((own.item(), output.loss.item()))
    assert [own for own, _ in losses] == pytest.approx([other for _, other in losses], rel=1e-3)
    assert sum(own for own, _ in losses[-3:]) < 0.9 * sum(own for own, _ in losses[:3]), "nothing was learned"
