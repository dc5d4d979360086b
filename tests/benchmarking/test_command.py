"""`tools/benchmark.py`."""

import json
import re
from importlib.metadata import PackageNotFoundError

import pytest
from benchmarking import cases
from benchmarking.case import Case, UnequalOutputs, Workload
from benchmarking.command import main

from tests.helpers.same_process import SameProcess

QUICK = ["--repeats", "1", "--threads", "1", "--scale", "0.125"]


def unequal_workload(options):
    def check():
        raise UnequalOutputs("matched queries: the values differ")

    return Workload("a dispute", lambda: 1, lambda: 2, check)


CASES = [Case("dispute", unequal_workload), Case("other", unequal_workload, peer="panopticapi")]


def test_one_case(tmp_path, capsys, monkeypatch):
    """In one process, because a new one takes seconds to import both programs."""
    monkeypatch.setattr("benchmarking.comparing.FreshProcess", SameProcess)
    assert main(["--only", "matching", *QUICK, "--json", str(tmp_path / "metrics.json")]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert re.fullmatch(r"matching …\nmatching: [\d.]+ \([\d.]+–[\d.]+\)\n", captured.err)
    assert lines[0].startswith("segkit ")
    assert "threads 1; repeats 1; scale 0.125" in lines[0]
    assert lines[2].startswith("| work | segkit | transformers ")
    assert lines[4].startswith("| matching, 2 images, 20 targets each, 100 queries, masks of 16x16 | ")
    stored = json.loads((tmp_path / "metrics.json").read_text())
    assert [case["name"] for case in stored["cases"]] == ["matching"]
    assert len(stored["cases"][0]["seconds"]["ours"]) == 1


def test_what_is_measured_is_kept_when_a_later_case_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarking.comparing.FreshProcess", SameProcess)
    known = [case for case in cases.CASES if case.name == "matching"]
    monkeypatch.setattr(cases, "CASES", [*known, Case("broken", lambda options: 1 / 0)])
    with pytest.raises(ZeroDivisionError):
        main([*QUICK, "--json", str(tmp_path / "metrics.json")])
    assert [case["name"] for case in json.loads((tmp_path / "metrics.json").read_text())["cases"]] == ["matching"]


def test_unequal_outputs(monkeypatch, capsys):
    monkeypatch.setattr(cases, "CASES", [Case("dispute", unequal_workload)])
    assert main([*QUICK]) == 1
    captured = capsys.readouterr()
    assert "| a dispute | outputs differ | " in captured.out
    assert captured.err.splitlines()[-1] == (
        "error: dispute: the outputs are not equal: matched queries: the values differ"
    )


def test_an_absent_peer(monkeypatch, capsys):
    def fail(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("benchmarking.peer.version", fail)
    assert main([*QUICK]) == 1
    assert capsys.readouterr().err == (
        "error: tools/benchmark.py: transformers is not installed. Install it: pip install transformers\n"
    )
    assert main(["--against", "panopticapi", *QUICK]) == 1
    assert capsys.readouterr().err == (
        "error: tools/benchmark.py: panopticapi is not installed. "
        "Install it: pip install git+https://github.com/cocodataset/panopticapi\n"
    )


def test_another_peer(monkeypatch, capsys):
    """Only its own cases, under its own name."""
    monkeypatch.setattr("benchmarking.peer.version", lambda name: "7.0")
    monkeypatch.setattr(cases, "CASES", CASES)
    assert main(["--against", "panopticapi", *QUICK]) == 1
    captured = capsys.readouterr()
    assert "; against panopticapi 7.0; " in captured.out
    assert captured.err == (
        "other …\nother: outputs differ\nerror: other: the outputs are not equal: matched queries: the values differ\n"
    )


def test_no_such_peer(capsys):
    with pytest.raises(SystemExit):
        main(["--against", "detectron2"])
    message = capsys.readouterr().err
    assert "argument --against: invalid choice: 'detectron2' (choose from " in message
    assert "transformers" in message
    assert "panopticapi" in message


def test_an_absent_gpu(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["--device", "cuda", *QUICK]) == 1
    assert capsys.readouterr().err == (
        "error: --device cuda: PyTorch finds no GPU. Leave the option out to measure the CPU.\n"
    )


def test_scaling(monkeypatch, tmp_path, capsys):
    from benchmarking.scaling import AXES, Measured

    points = [Measured("matching", "side", amount, side, 0.1) for amount in AXES["side"] for side in ("ours", "theirs")]
    monkeypatch.setattr("benchmarking.scaling.measure_growth", lambda options, threads: iter(points))
    assert main(["--scaling", str(tmp_path / "plots"), *QUICK]) == 0
    assert capsys.readouterr().out.endswith(f"plots and scaling.json: {tmp_path}/plots\n")
    assert (tmp_path / "plots" / "matching_side.png").stat().st_size > 1000


def test_launches(monkeypatch, tmp_path, capsys):
    from benchmarking.launches import BATCHES, Launches

    counts = [Launches(batch, 100 + batch, 100 * batch) for batch in BATCHES]
    monkeypatch.setattr("benchmarking.launches.count_launches", lambda device: iter(counts))
    assert main(["--launches", str(tmp_path / "launches.png"), "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    peer = lines[0].split("; ")[1].removeprefix("against ")
    assert lines[1:3] == ["", f"| images | segkit | {peer} | ratio |"]
    assert lines[-3:-1] == [
        "16 images to 2: 1.137, met: 1.15",
        f"segkit to {peer} at 16 images: 0.072, met: 0.5",
    ]
    assert lines[-1] == f"plot: {tmp_path}/launches.png"
    assert (tmp_path / "launches.png").stat().st_size > 1000


def test_profile(monkeypatch, capsys):
    from benchmarking.profile import PHASES

    asked = []

    def fake(options, backbone, precision, repeats):
        asked.append((backbone, precision, repeats))
        return dict.fromkeys(PHASES, 1.0), dict.fromkeys(PHASES, 2.0)

    monkeypatch.setattr("benchmarking.profile.profile_training", fake)
    assert main(["--profile", "--only", "training_r50", "training_swin_t_b", *QUICK]) == 0
    assert asked == [("r50", "fp32", 1), ("swin_t", "bf16", 1)]
    assert "\ntraining_r50, both in fp32\n\n| phase | segkit | fraction | transformers " in capsys.readouterr().out


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_wrong_counts(capsys, count):
    with pytest.raises(SystemExit):
        main(["--repeats", count])
    assert f"argument --repeats: '{count}' is not a whole number of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("scale", ["0", "nan", "-2", "small"])
def test_wrong_scales(capsys, scale):
    with pytest.raises(SystemExit):
        main([f"--scale={scale}"])
    assert f"argument --scale: '{scale}' is not a number between 0 and 100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--json", "x.json", "--profile"],
            "--json: only the comparison writes this file. Leave it out with --profile.",
        ),
        (
            ["--json", "x.json", "--launches", "plot.png"],
            "--json: only the comparison writes this file. Leave it out with --launches.",
        ),
        (
            ["--only", "matching", "--launches", "plot.png"],
            "--only: selects cases of the comparison. Leave it out with --launches.",
        ),
        (
            ["--only", "matching", "--scaling", "plots"],
            "--only: selects cases of the comparison. Leave it out with --scaling.",
        ),
        (
            ["--only", "matching", "--profile"],
            "--profile: --only selects none of the cases that can be profiled: training_r50, training_r50_bf16, "
            "training_swin_t, training_swin_t_bf16.",
        ),
        (
            ["--profile", "--against", "panopticapi"],
            "--profile: compares with transformers only. Leave out --against panopticapi.",
        ),
        (
            ["--scaling", "plots", "--against", "panopticapi"],
            "--scaling: compares with transformers only. Leave out --against panopticapi.",
        ),
        (
            ["--launches", "plot.png"],
            "--scale: --launches counts the operations on images of 512x512 pixels. Leave --scale out.",
        ),
        (
            ["--launches", "plot.png", "--against", "panopticapi"],
            "--launches: compares with transformers only. Leave out --against panopticapi.",
        ),
    ],
)
def test_options_that_would_do_nothing(capsys, arguments, message):
    assert main([*arguments, *QUICK]) == 1
    assert capsys.readouterr().err == f"error: {message}\n"
