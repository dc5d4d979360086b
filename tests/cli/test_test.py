"""`segkit test` on a run, a checkpoint, and a config with a checkpoint."""

import json
import shutil

import pytest

from segkit.cli.main import main
from segkit.evaluation.validation import Validation
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with `tiny.yaml` and a run of one step."""
    folder = tmp_path_factory.mktemp("trained")
    assert main(["train", str(write_tiny(folder)), "training.steps=1", "--output", str(folder / "run")]) == 0
    return folder


def metrics_of(path):
    return json.loads((path / "metrics.json").read_text())


def test_a_run_is_tested_at_its_best(trained, capsys):
    assert main(["test", str(trained / "run")]) == 0
    found = metrics_of(trained / "run/best/evaluation")
    assert found == metrics_of(trained / "run/evaluation")
    assert found["mean_iou"]["per_class"]["iou"].keys() >= {"sky", "star"}
    out = capsys.readouterr().out
    assert "data.val: 3 of 3 images: " in out
    assert "per class" in out
    assert "all classes" in out
    assert "frequency_weighted_iou" in out
    assert out.endswith(f"metrics: {trained}/run/best/evaluation\n")


def test_a_checkpoint_with_images_and_predictions(trained, tmp_path, capsys):
    arguments = ["--output", str(tmp_path / "out"), "--save-predictions", "--overlays", "2"]
    assert main(["test", str(trained / "run/checkpoints/step_1"), *arguments]) == 0
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    names = [f"shapes_1_0000{index}" for index in range(3)]
    first = [f"overlays/{name}_{kind}.png" for name in names[:2] for kind in ("panoptic", "semantic")]
    drawn = [file for file in files if file.startswith("overlays/")]
    assert [file for file in drawn if file.count("/") == 1] == first
    assert [sum(file.startswith(f"overlays/{kind}/") for file in drawn) for kind in ("worst", "best")] == [4, 2]
    assert [file for file in files if file not in drawn] == [
        "SHA256SUMS",
        "data_summary.json",
        "mean_iou_confusion_matrix.csv",
        "metrics.json",
        "predictions/panoptic.json",
        *(f"predictions/panoptic/{name}.png" for name in names),
        *(f"predictions/semantic/{name}.png" for name in names),
    ]
    assert len(json.loads((tmp_path / "out/predictions/panoptic.json").read_text())["annotations"]) == 3
    assert capsys.readouterr().out.endswith(f"metrics, predictions and overlays: {tmp_path}/out\n")


def test_a_config_with_a_checkpoint_and_overrides(trained, tmp_path):
    config, run = str(trained / "tiny.yaml"), str(trained / "run")
    limit = ["data.val.limit=1", "evaluators=[{type: mean_iou}]"]
    assert main(["test", config, *limit, "--checkpoint", run, "--output", str(tmp_path / "one")]) == 0
    assert main(["test", run, "--output", str(tmp_path / "other"), *limit]) == 0
    assert list(metrics_of(tmp_path / "one")) == ["mean_iou"]
    assert metrics_of(tmp_path / "one") == metrics_of(tmp_path / "other") != metrics_of(trained / "run/evaluation")


@pytest.mark.parametrize("words", [["--precision", "bf16"], ["training.precision=bf16"]])
def test_testing_in_bf16(trained, tmp_path, monkeypatch, words):
    seen = []
    run = Validation.run

    def recorded(self, model, device, precision, *more):
        seen.append(precision)
        return run(self, model, device, precision, *more)

    monkeypatch.setattr(Validation, "run", recorded)
    assert main(["test", str(trained / "run"), *words, "--output", str(tmp_path)]) == 0
    assert seen == ["bf16"]


def test_the_precision_is_given_once(trained, capsys):
    assert main(["test", str(trained / "run"), "--precision", "bf16", "training.precision=fp32"]) == 1
    assert capsys.readouterr().err == (
        "error: training.precision: no effect with --precision. The option sets the number format. "
        "Leave out: training.precision.\n"
    )


@pytest.mark.parametrize("result_format", ["coco", "cityscapes"])
def test_the_format_of_the_predictions_is_given_once(trained, result_format, capsys):
    words = ["--save-predictions", "--result-format", result_format]
    assert main(["test", str(trained / "run"), *words]) == 1
    assert capsys.readouterr().err == (
        "error: --save-predictions: no effect with --result-format. The option writes the results already, in its own "
        "format. Leave out: --save-predictions.\n"
    )


def test_a_checkpoint_alone_is_enough(trained, tmp_path):
    shutil.copytree(trained / "run/last", tmp_path / "alone")
    assert main(["test", str(tmp_path / "alone")]) == 0
    assert metrics_of(tmp_path / "alone/evaluation") == metrics_of(trained / "run/evaluation")


def test_a_config_without_weights(trained, capsys):
    assert main(["test", str(trained / "tiny.yaml")]) == 1
    assert capsys.readouterr().err == (
        f"error: {trained}/tiny.yaml: a config alone has no weights. Add --checkpoint PATH, or give a checkpoint "
        "instead of the config.\n"
    )


def test_weights_named_twice(trained, capsys):
    assert main(["test", str(trained / "run"), "--checkpoint", str(trained / "run")]) == 1
    assert capsys.readouterr().err == (
        f"error: {trained}/run: is not a config file, so --checkpoint names the weights a second time. Leave one out.\n"
    )


def test_nothing_of_that_name(tmp_path, capsys):
    assert main(["test", str(tmp_path / "runs/nothing")]) == 1
    assert capsys.readouterr().err.startswith(
        f"error: {tmp_path}/runs/nothing: no such folder. A checkpoint is a folder"
    )


def test_a_config_that_does_not_fit_the_weights(trained, tmp_path, capsys):
    other = write_tiny(tmp_path)
    other.write_text(other.read_text().replace("num_queries: 8", "num_queries: 9"))
    assert main(["test", str(other), "--checkpoint", str(trained / "run/last")]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {trained}/run/last: does not fit the model of {other}: ")
    assert (
        "1 with another shape or type, not used: transformer_decoder.query_positions.weight: (8, 16), (9, 16)."
        in message
    )


def test_through_windows(trained, tmp_path, capsys):
    assert main(["test", str(trained / "run"), "--window", "32", "--output", str(tmp_path / "out")]) == 0
    metrics = metrics_of(tmp_path / "out")
    assert 0 <= metrics["mean_iou"]["values"]["mean_iou"] <= 1
    assert 0 <= metrics["panoptic_quality"]["values"]["pq"] <= 1
    capsys.readouterr()
    assert main(["test", str(trained / "run"), "--window", "33", "--output", str(tmp_path / "other")]) == 2
    assert capsys.readouterr().err.startswith("error: window: must be a multiple of")
    assert not (tmp_path / "other").exists()


def test_an_unusable_device(trained, tmp_path, capsys):
    assert main(["test", str(trained / "run"), "--device", "gpu", "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("error: device 'gpu' cannot be used here (")
    assert not (tmp_path / "out").exists()
