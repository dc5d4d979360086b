"""The report of runs: what it shows, in a browser too, and what it refuses."""

import json
import math
import re
import shutil

import numpy as np
import pytest

from segkit.cli.main import main
from segkit.config import load_config
from segkit.training.train import train
from tests.helpers.browser import screenshot
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of two runs."""
    folder = tmp_path_factory.mktemp("report")
    config = write_tiny(folder)
    for name, rate in (("low", 1e-4), ("high", 1e-2)):
        train(load_config(config, [f"training.optimizer.lr={rate}", "training.evaluate_every=2"]), folder / name)
    return folder


def test_a_page_of_one_run(trained, capsys):
    assert main(["report", str(trained / "low")]) == 0
    file = trained / "low/report.html"
    assert capsys.readouterr().out == f"report: {file}\n"
    text = file.read_text(encoding="utf-8")
    for heading in (
        "Curves",
        "Metrics of the best checkpoint",
        "Confusion of low, mean_iou",
        "worst images of low, panoptic",
    ):
        assert f"<h2>{heading}</h2>" in text
    for title in (
        "total loss (weighted, all layers)",
        "loss dice (last layer, unweighted)",
        "mean_iou",
        "learning rate",
    ):
        assert f"<h3>{title}</h3>" in text or f" {title} 0." in text  # it may be the same all the time
    assert text.count("data:image/") == 2 * 3  # two tasks, three images, each among the worst or the best
    assert "steps: 4" in text
    assert "tiny.yaml:" in text  # where a value of the config was set
    assert "http" not in text.replace("http-equiv", "")


def test_runs_stand_side_by_side(trained):
    assert main(["report", str(trained / "low"), str(trained / "high"), "--output", str(trained / "both.html")]) == 0
    text = (trained / "both.html").read_text(encoding="utf-8")
    assert '<th class="number">low</th><th class="number">high</th>' in text
    mean_ious = [
        json.loads((trained / name / "evaluation/metrics.json").read_text())["mean_iou"]["values"]["mean_iou"]
        for name in ("low", "high")
    ]
    row = "".join(f'<td class="number">{value:.4f}</td>' for value in mean_ious)
    assert f"<td>mean_iou</td><td>mean_iou</td>{row}" in text
    assert "<th>iou, low</th>" in text or '<th class="number">iou, low</th>' in text


@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_the_curves(trained, tmp_path, width):
    page = tmp_path / "report.html"
    assert main(["report", str(trained / "low"), str(trained / "high"), "--output", str(page)]) == 0
    shown = screenshot(page, width=width, height=2000)
    for color in ((31, 110, 180), (214, 94, 0)):  # of the first and the second run
        assert (np.abs(shown.astype(int) - color).max(-1) < 8).sum() > 100
    assert shown.shape[1] == width


@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_it_dark_where_the_system_is(trained, tmp_path, width):
    page = tmp_path / "report.html"
    assert main(["report", str(trained / "low"), "--output", str(page)]) == 0
    light, dark = (screenshot(page, width=width, height=900, dark=dark) for dark in (False, True))
    assert light[5, 5].min() > 240
    assert dark[5, 5].max() < 50
    assert (dark.min(-1) > 200).sum() > 500  # letters


def test_all_confusion_matrices(tmp_path):
    (tmp_path / "run/evaluation").mkdir(parents=True)
    (tmp_path / "run/config.yaml").write_text("a: 1\n")
    for name, wrong in (("mean_iou", 1), ("mine", 3)):
        file = tmp_path / f"run/evaluation/{name}_confusion_matrix.csv"
        file.write_text(f"target,sky,sea\nsky,{4 - wrong},{wrong}\nsea,0,1\n")
    assert main(["report", str(tmp_path / "run")]) == 0
    text = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    first, second = text.partition("<h2>Confusion of run, mean_iou</h2>")[2].split("<h2>Confusion of run, mine</h2>")
    assert first.index(">75<") < first.index(">25<")
    assert second.index(">25<") < second.index(">75<")


def test_what_never_changes_is_no_curve(tmp_path):
    for name, pq in (("one", 0.0), ("two", 0.5)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("a: 1\n")
        lines = [
            {
                "step": step,
                "losses": {"total": 3.0 - step},
                "learning_rate": 1e-4,
                "evaluation": {"ap": math.nan, "pq": pq},
            }
            for step in (1, 2)
        ]
        (tmp_path / name / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    page = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "one"), "--output", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg viewBox") == 1
    assert "<p>The same all the time: pq 0.0000; learning rate 0.0001.</p>" in text
    assert main(["report", str(tmp_path / "one"), str(tmp_path / "two"), "--output", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<h3>pq</h3>" in text  # the runs differ
    assert "<p>The same all the time: learning rate 0.0001.</p>" in text


def test_the_origin_of_a_setting_is_paler_than_the_setting(trained):
    assert main(["report", str(trained / "low")]) == 0
    text = (trained / "low/report.html").read_text(encoding="utf-8")
    assert re.search(r'\n    lr: 0.0001 *<span class="origin">  # &lt;command line&gt;</span>\n', text)


def test_a_run_without_evaluation(trained, tmp_path):
    run = train(load_config(trained / "tiny.yaml", ["data.val=null", "training.steps=1"]), tmp_path / "run")
    assert main(["report", str(run)]) == 0
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "<h2>Curves</h2>" in text
    assert "best checkpoint" not in text


def test_a_single_evaluation_is_no_curve(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("a: 1\n")
    loss = '{"step": 1, "losses": {"total": 2.5}}'
    evaluations = ['{"step": 1, "evaluation": {"pq": 0.5}}', '{"step": 2, "evaluation": {"pq": 0.25}}']
    for count in (1, 2):
        (tmp_path / "run/metrics.jsonl").write_text("\n".join([loss, *evaluations[:count]]))
        assert main(["report", str(tmp_path / "run"), "--output", str(tmp_path / "page.html")]) == 0
        text = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert ("<h3>pq</h3>" in text, "total loss" in text) == (count == 2, True)


def test_damaged_lines_of_the_log_are_left_out(trained, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("a: 1\n")
    (tmp_path / "run/metrics.jsonl").write_text('{"step": 1, "losses": {"total": 2.5}}\n[1]\n{"step": 2, "lo\n')
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "total loss" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("evaluation/metrics.json", "[]", "metrics.json: is not what a run writes. Name a run whose files are whole."),
        ("environment.json", "{", "environment.json: cannot be read ("),
        ("evaluation/a_confusion_matrix.csv", "target,a\na,x\n", "holds something else than numbers of pixels ("),
        ("evaluation/a_confusion_matrix.csv", "target,a\na,1,2\n", "has rows of different lengths."),
        ("evaluation/overlays/worst/mine.png", "", "mine.png: is no overlay of a training. Move it out of the folder."),
        ("evaluation/overlays/worst/a_b_0.5.png", "", "a_b_0.5.png: cannot be read ("),
    ],
)
def test_what_cannot_be_shown_is_named(tmp_path, capsys, file, content, message):
    path = tmp_path / "run" / file
    path.parent.mkdir(parents=True)
    (tmp_path / "run/config.yaml").write_text("a: 1\n")
    path.write_text(content)
    assert main(["report", str(tmp_path / "run")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run/report.html").exists()


EVALUATE = "Evaluate again: segkit test CHECKPOINT --output {}."


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("metrics.jsonl", "Restore it from a copy."),
        ("evaluation/metrics.json", EVALUATE),
        ("evaluation/mean_iou_confusion_matrix.csv", EVALUATE),
    ],
)
def test_a_damaged_file_is_named(trained, tmp_path, capsys, file, remedy):
    path = shutil.copytree(trained / "low", tmp_path / "run") / file
    path.write_text(path.read_text().replace("1", "2"))
    assert main(["report", str(tmp_path / "run")]) == 1
    assert capsys.readouterr().err == (
        f"error: {path}: is damaged: its digest differs from SHA256SUMS. {remedy.format(path.parent)} If you changed "
        f"files yourself, remove {path.parent}/SHA256SUMS.\n"
    )


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert "is not the folder of a run (there is no config.yaml)" in capsys.readouterr().err


def test_a_run_is_named_once(trained, capsys):
    assert main(["report", str(trained / "low"), str(trained / "low")]) == 1
    assert capsys.readouterr().err == "error: segkit report: a run is named twice. Name each run once.\n"
