"""Rows of a class head for another class list. tests/training/test_initialization.py loads whole models."""

import torch

from segkit.classes import Classes
from segkit.runtime.class_rows import ClassRows

THEIRS, OURS = Classes.make(["a", "b"]), Classes.make(["b", "c"])
ROWS = ClassRows.match(THEIRS, OURS, {})


def test_rows_along_a_later_axis():
    there = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert ROWS.carry(there, torch.zeros(2, 2), axis=1).tolist() == [[2, 0], [4, 0]]


def test_tensors_that_differ_in_more_are_left_out():
    assert ROWS.carry(torch.zeros(2, 3), torch.zeros(2, 4), axis=0) is None
    assert ROWS.carry(torch.zeros(3, 4), torch.zeros(2, 4), axis=0) is None
    assert ROWS.carry(torch.zeros(1), torch.zeros(1), axis=0) is None
    assert ROWS.carry(torch.zeros(2, dtype=torch.int64), torch.zeros(2), axis=0) is None


def test_nothing_is_changed_in_place():
    there, here = torch.ones(3), torch.zeros(3)
    ROWS.carry(there, here, axis=0)
    assert (there.tolist(), here.tolist()) == ([1, 1, 1], [0, 0, 0])


def test_many_names_are_shortened():
    ours = Classes.make([str(number) for number in range(9)])
    assert str(ClassRows.match(THEIRS, ours, {})) == (
        "class head: 0 of 9 classes kept by name; 9 new, initialized: 0, 1, 2, 3, 4, 5, …; 2 not used: a, b"
    )
