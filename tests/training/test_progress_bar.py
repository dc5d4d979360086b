"""The progress bar in terminals of several widths."""

import io

import pytest
from rich.console import Console

from segkit.training.progress import losses_in_words
from segkit.training.progress_bar import ProgressBar

LOSSES = {
    "total": 11.085,
    **{f"{name}/{layer}": 0.5 for layer in range(2) for name in ("cross_entropy", "focal", "dice")},
    **{"cross_entropy": 2.04, "focal": 0.045, "dice": 0.774},
}


def lines(width, losses=LOSSES):
    """What the terminal shows during a long training."""
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=True, color_system=None)
    bar = ProgressBar(160_000, 0, console, shown=True)
    bar.advance_to(123_456)
    bar.show(losses_in_words(losses), 1234.5)
    with console.capture() as capture:
        console.print(bar.get_renderable())
    return capture.get().splitlines()


def test_the_bar_fits_80_columns_and_the_losses_have_lines_of_their_own():
    bar, total, last = lines(80)
    assert bar.startswith("training ━")
    assert "123456/160000" in bar
    assert bar.rstrip().endswith("1234.5 images/s")
    assert total.rstrip() == "total 11.085 (weighted, all layers)"
    assert last.rstrip() == "last layer, unweighted: cross_entropy 2.040 focal 0.045 dice 0.774"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    many = LOSSES | {f"another_loss_{number}": 1.0 for number in range(9)}
    shown = lines(width, many)
    assert max(len(line) for line in shown) <= width
    assert "another_loss_8" in " ".join(shown)


def test_without_a_terminal_nothing_is_drawn():
    output = io.StringIO()
    with ProgressBar(4, 0, Console(file=output), shown=False) as bar:
        bar.show("total 1.000", 1.0)
    assert output.getvalue() == ""
