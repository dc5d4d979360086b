"""Masked attention fades out block by block, as the original's configs set it."""

import pytest
import torch
from segkit_eomt.annealing import MaskAnnealing, probability

# Steps at which the original's configs begin and end, of 88,692 (ViT-L on COCO), 39,120 (ViT-L on ADE20K) and 177,384
# (ViT-S and ViT-B on COCO).
ORIGINAL = [
    (88692, [14782, 29564, 44346, 59128], [29564, 44346, 59128, 73910]),
    (39120, [6520, 13040, 19560, 26080], [13040, 19560, 26080, 32600]),
    (177384, [29564, 73910, 118256], [59128, 103474, 147820]),
]


@pytest.mark.parametrize(("steps", "begins", "ends"), ORIGINAL)
def test_the_steps_are_the_originals(steps, begins, ends):
    for block, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        assert probability(block, len(begins), (begin - 1) / steps) == 1.0
        assert 0.9 < probability(block, len(begins), (begin + 1) / steps) < 1.0
        assert probability(block, len(begins), (begin + end) / 2 / steps) == pytest.approx(0.5**0.9)
        assert 0.0 < probability(block, len(begins), (end - 1) / steps) < 0.1
        assert probability(block, len(begins), (end + 1) / steps) == 0.0


def test_one_block_fades_first():
    assert [probability(0, 1, done) for done in (0.1, 0.4)] == [1.0, 0.0]


def test_every_model_ends_without_masked_attention():
    annealing = MaskAnnealing(4)
    annealing.on_step(99, 100)
    assert annealing.probabilities.tolist() == [0.0] * 4
    assert annealing.masking() == ["never"] * 4


def test_a_checkpoint_has_the_probabilities():
    first, second = MaskAnnealing(3), MaskAnnealing(3)
    first.on_step(50, 100)
    second.load_state_dict(first.state_dict())
    assert second.masking() == first.masking() == ["never", "sometimes", "always"]


@pytest.mark.parametrize(("value", "masking"), [(1.0, "always"), (0.6, "always"), (0.4, "never"), (0.0, "never")])
def test_evaluation_draws_nothing(value, masking):
    annealing = MaskAnnealing(1).eval()
    annealing.probabilities.fill_(value)
    assert annealing.masking() == [masking]


def test_as_many_queries_are_masked_as_the_probability_says():
    annealing = MaskAnnealing(2)
    annealing.probabilities.copy_(torch.tensor([0.25, 1.0]))
    torch.manual_seed(0)
    assert annealing.draw(0, 100, 100).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert annealing.draw(1, 3, 5).shape == (3, 5)


def test_an_evaluation_follows_the_probabilities():
    annealing = MaskAnnealing(2).eval()
    assert annealing.masking() == ["always"] * 2
    annealing.probabilities.copy_(torch.tensor([0.2, 0.7]))
    assert annealing.masking() == ["never", "always"]
