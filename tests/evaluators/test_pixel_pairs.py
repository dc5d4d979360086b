import pytest
import torch

from segkit.evaluators._pixel_pairs import pixel_pairs
from segkit.types import NO_SEGMENT, SemanticResult, Target


def test_pairs_are_those_of_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    segments = torch.randint(NO_SEGMENT, 2, (6, 7), generator=generator)
    valid = torch.rand(6, 7, generator=generator) < 0.8
    predicted = torch.randint(0, 3, (6, 7), generator=generator)
    labels = [2, 0]

    counts = pixel_pairs(SemanticResult(predicted), Target(torch.tensor(labels), segments, valid=valid), 3, 1)

    expected = torch.zeros(4, 3, dtype=torch.int64)
    for row in range(6):
        for column in range(7):
            known = valid[row, column] and segments[row, column] != NO_SEGMENT
            expected[labels[segments[row, column]] if known else 3, predicted[row, column]] += 1
    assert torch.equal(counts, expected)


def test_other_sizes_are_refused():
    target = Target(torch.tensor([0]), torch.zeros(2, 3, dtype=torch.int32))
    with pytest.raises(AssertionError, match=r"image 7: the result is \(2, 2\), the target \(2, 3\)"):
        pixel_pairs(SemanticResult(torch.zeros(2, 2, dtype=torch.int64)), target, 1, 7)
