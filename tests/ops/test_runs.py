import itertools

import numpy as np
import pytest

from segkit.ops.runs import run_lengths, run_starts


@pytest.mark.parametrize("line", [[7], [7, 7, 7], [1, 2, 3], [0, 0, 5, 5, 5, 0]])
def test_runs_are_those_of_groupby(line):
    starts = run_starts(np.array(line))
    groups = [(value, len(list(run))) for value, run in itertools.groupby(line)]
    assert list(zip(np.array(line)[starts].tolist(), run_lengths(starts, len(line)).tolist(), strict=True)) == groups


def test_a_run_of_two_lines_ends_where_either_changes():
    one, other = np.array([1, 1, 1, 2, 2, 2]), np.array([5, 6, 6, 6, 6, 7])
    starts = run_starts(one, other)
    assert starts.tolist() == [0, 1, 3, 5]
    assert run_lengths(starts, 6).tolist() == [1, 2, 2, 1]


def test_no_pixels_are_one_empty_run():
    starts = run_starts(np.array([], dtype=bool))
    assert run_lengths(starts, 0).tolist() == [0]
