"""Lines of a terminal are broken between words; those of files stay whole."""

import io

from segkit.runtime.terminal_lines import broken, fitted_to


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_only_terminals_break_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert fitted_to(Terminal(), "warning: one two three four") == "warning: one two\n  three four"
    assert fitted_to(io.StringIO(), "warning: one two three four") == "warning: one two three four"


def test_indented_lines_and_empty_ones_stay():
    assert broken("  a b\n\nc", 80) == "  a b\n\nc"
