"""A file beside its checkpoint; the file is a function."""

import math
from functools import partial

import pytest
import torch

import segkit
from segkit.build import build_model, dataset_classes
from segkit.checkpoint import Checkpoint, save_checkpoint
from segkit.cli.main import main
from segkit.errors import ConfigError
from segkit.export import verify as module
from segkit.export.metadata import FileInfo
from segkit.export.program import ExportProgram
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.export.verify import verify
from segkit.postprocessors.semantic import Semantic
from segkit.types import Metrics
from tests.helpers.tiny import write_tiny


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    config = segkit.load_config(write_tiny(tmp_path_factory.mktemp("verify")), ["data.val.dataset.size=[40, 52]"])
    torch.manual_seed(0)
    classes = dataset_classes(config)
    return Checkpoint(build_model(config, classes).eval(), classes, config)


@pytest.fixture
def put_file(loaded, monkeypatch):
    """Makes a file of the checkpoint whose outputs are changed by a function."""

    def make(change=lambda outputs: None):
        program = ExportProgram(loaded.model, TASKS["semantic"], Semantic(loaded.classes))

        class File:
            info = FileInfo("semantic", loaded.classes, SizeRange((17, 17), (64, 64)))

            def __call__(self, images):
                outputs = program(images)
                change(outputs)
                return outputs

        monkeypatch.setattr(module, "open_exported", lambda path: File())

    return make


def test_an_equal_file(loaded, put_file):
    put_file()
    found = verify("a.onnx", loaded, loaded.config)
    assert found.loss() == 0
    assert found.difference < 1e-5
    assert found.agreements == [1.0] * 3
    columns = [list(column.cells) for column in found.table().columns]
    assert "mean_iou" in columns[0]
    assert "pq" not in columns[0]
    assert columns[0][-4:] == ["latency (ms, median)", "memory of an image (MiB)", "logits, of their scale",
                               "equal pixels, mean"]  # fmt: skip
    assert columns[3][0] == "+0.0000"


def test_a_file_that_loses(loaded, put_file):
    def lose(outputs):
        outputs["label_map"].fill_(7)
        outputs["class_logits"].mul_(1.5)

    put_file(lose)
    found = verify("a.onnx", loaded, loaded.config)
    assert found.loss() != 0
    assert found.difference == pytest.approx(0.5)
    assert max(found.agreements) < 1


def test_the_loss_of_metrics(loaded, put_file, monkeypatch):
    put_file()
    found = verify("a.onnx", loaded, loaded.config)
    pairs = {"ap": (0.5, 0.3), "errors": (2.0, 3.0), "nothing": (math.nan, math.nan)}
    for side, index in ((found.model, 0), (found.file, 1)):
        metrics = {
            name: Metrics({name: values[index]}, {}, lower_is_better={"errors"} if name == "errors" else set())
            for name, values in pairs.items()
        }
        monkeypatch.setattr(side, "metrics", lambda metrics=metrics: metrics)
    assert found.loss() == 1.0
    pairs["ap"] = (0.5, math.nan)
    monkeypatch.setattr(
        found.file, "metrics", lambda: {name: Metrics({name: two[1]}, {}) for name, two in pairs.items()}
    )
    assert found.loss() == math.inf


def test_no_evaluator_takes_the_results(loaded, put_file):
    put_file()
    config = segkit.load_config(loaded.config.path, ["evaluators=[{type: panoptic_quality}]"])
    with pytest.raises(ConfigError) as error:
        verify("a.onnx", loaded, config)
    assert str(error.value).endswith(
        ": evaluators: none takes the results of the task 'semantic' of the file. Add one of boundary_iou, mean_iou, "
        "pq_st, or export another task."
    )


@pytest.mark.parametrize(("bound", "code"), [(["--bound", "0.3"], 0), ([], 1)])
def test_the_bound(monkeypatch, capsys, bound, code):
    class Found:
        def loss(self):
            return 0.25

        def table(self):
            return "the table"

    for name, value in (
        ("segkit.export.exporting.export_checkpoint", lambda *words, **more: "20 images"),
        ("segkit.checkpoint.load_checkpoint", lambda *words, **more: None),
        ("segkit.config.load_config", lambda *words, **more: "the config"),
        ("segkit.export.verify.require_verifiable", lambda *words, **more: None),
        ("segkit.export.verify.verify", lambda *words: Found()),
    ):
        monkeypatch.setattr(name, value)
    assert main(["export", "run", "--output", "a.onnx", "--verify", "a.yaml", *bound]) == code
    out, errors = capsys.readouterr()
    assert "the table" in out
    assert errors == ("error: a.onnx: loses 0.2500, more than 0.01.\n" if code else "")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("evaluators=[{type: mean_iou}]", "none takes the results of the task 'panoptic' of the file. Add one of "),
        ("data.val=null", "data.val: the section is missing."),
        ("evaluators=[{type: mean_io}]", "Did you mean 'mean_iou'?"),
    ],
)
def test_a_config_that_does_not_fit_is_found_before_the_export(
    loaded, tmp_path, monkeypatch, capsys, override, message
):
    monkeypatch.setattr("segkit.export.exporting.export_checkpoint", None)
    save_checkpoint(tmp_path / "checkpoint", loaded.model, loaded.config, loaded.classes)
    monkeypatch.setattr("segkit.config.load_config", partial(segkit.load_config, overrides=[override]))
    words = ["export", str(tmp_path / "checkpoint"), "--output", str(tmp_path / "a.onnx"), "--task", "panoptic"]
    assert main([*words, "--verify", loaded.config.path]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert message in errors
    assert main([*words, "--verify", "missing.yaml"]) == 2
    assert capsys.readouterr().err.startswith("error: missing.yaml")
