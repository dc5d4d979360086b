"""Rows of text as an aligned table."""

from segkit.cli._table import aligned


def test_columns_are_padded_but_the_last():
    rows = [["kind", "name"], ["a", "a long name"], ["a longer kind", ""]]
    assert aligned(rows) == ["kind           name", "a              a long name", "a longer kind"]


def test_numbers_stand_at_the_right():
    assert aligned([["", "loss", "file"], ["10", "2.5", "a.png"]], str.rjust) == ["    loss  file", "10   2.5  a.png"]
