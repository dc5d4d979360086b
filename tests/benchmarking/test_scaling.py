"""How growth is measured, tabled and drawn; one real point, and made-up ones."""

import json

import pytest
import torch
from benchmarking import scaling
from benchmarking.case import Options
from benchmarking.scaling import AXES, WORKS, Measured, growth_table, measure_growth, write_growth

from segkit.errors import SegkitError
from tests.helpers.same_process import SameProcess

SMALL = Options(torch.device("cpu"), scale=0.125)


def made_up(options, threads, work="matching", axis="queries"):
    return [
        Measured(work, axis, amount, side, 0.001 * amount[axis] * factor, 1_000_000 * amount[axis] * factor)
        for amount in AXES[axis]
        for side, factor in (("ours", 1), ("theirs", 2))
    ]


@pytest.mark.parametrize("work", WORKS)
def test_every_work_can_be_made(work):
    for axis in ("targets", "queries"):
        workload = WORKS[work](SMALL, AXES[axis][1])
        workload.ours()
        workload.theirs()


def test_a_point(monkeypatch):
    monkeypatch.setattr(scaling, "FreshProcess", SameProcess)
    monkeypatch.setitem(AXES, "queries", AXES["queries"][:1])
    ours, theirs = measure_growth(SMALL, 1, ["matching"], ["queries"])
    assert (ours.work, ours.axis, ours.amount["queries"]) == ("matching", "queries", 50)
    assert (ours.side, theirs.side) == ("ours", "theirs")
    assert ours.seconds > 0
    assert theirs.error is None


def test_a_point_that_fails(monkeypatch):
    def fail(*_):
        raise SegkitError("the process was ended")

    monkeypatch.setattr(SameProcess, "call", fail)
    monkeypatch.setattr(scaling, "FreshProcess", SameProcess)
    points = list(measure_growth(SMALL, 1, ["matching"], ["side"]))
    assert len(points) == 8
    assert {point.error for point in points} == {"the process was ended"}
    assert (
        growth_table(points, "peer").splitlines()[-1]
        == "| matching | side 256 → 2048 | – → – | – → – | – → – | – → – |"
    )


def test_the_table():
    assert growth_table(made_up(SMALL, 1), "peer") == (
        "| work | growing | segkit | memory | peer | memory |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| matching | queries 50 → 400 | 50 ms → 400 ms | 50 MB → 400 MB | 100 ms → 800 ms | 100 MB → 800 MB |"
    )


def test_the_files(tmp_path):
    write_growth(tmp_path / "new", [*made_up(SMALL, 1), *made_up(SMALL, 1, "mask losses", "side")], "peer")
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [
        "mask_losses_side.png",
        "matching_queries.png",
        "scaling.json",
    ]
    assert len(json.loads((tmp_path / "new" / "scaling.json").read_text())) == 16
