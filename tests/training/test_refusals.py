"""What a training refuses when it is built, `segkit check` refuses as well."""

import pytest

from segkit.cli.main import main
from segkit.config import load_config
from segkit.errors import SegkitError
from segkit.training.build import build_training
from segkit.training.refusals import refusals
from segkit.training.run_folder import RunFolder
from tests.helpers.tiny import write_tiny

REFUSED = [
    (["training.best_metric=nothing"], "training.best_metric: the evaluation has no metric 'nothing'."),
    (["model.backbone.name=resnt18"], "has no model 'resnt18'. Did you mean 'resnet18'?"),
    (["model.backbone.options.out_indices=[9]"], "'resnet18' cannot be made a feature pyramid"),
    (["model.transformer_decoder.num_heads=3"], "hidden_dim: must be a multiple of 4 and of num_heads"),
    (["init_from=nowhere"], "nowhere: no such folder."),
    (["evaluators=[{type: average_precision}]"], "'average_precision' takes an InstanceResult, which no postprocessor"),
    (["postprocessors=[{type: panoptic}]"], "'mean_iou' takes a SemanticResult, which no postprocessor gives."),
    (["training.hooks=[{type: freeze, parameters: [nothing]}]"], "hook 'freeze'"),
    (["training.optimizer={type: timm, name: nothing, lr: 1}"], "timm has no optimizer 'nothing'."),
    (["data.train.transforms=[{type: torchvision, name: Nothing}]"], "has no transform 'Nothing'."),
    (["data.val.transforms=[{type: resize_shortest_edge, sizes: []}]"], "sizes: the list is empty."),
    (["criterion=null"], "criterion: a training needs losses"),
    (["data.train=null"], "data.train: the section is missing."),
]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(write_tiny(tmp_path))


@pytest.mark.parametrize(("words", "problem"), REFUSED)
def test_check_refuses_what_the_training_refuses(tiny, tmp_path, words, problem):
    config = load_config(tiny, words)
    with pytest.raises(SegkitError) as caught:
        build_training(config, RunFolder(tmp_path / "run"), device="cpu")
    found = refusals(config)
    assert any(problem in line for line in found)
    assert set(str(caught.value).splitlines()) <= set(found)


def test_all_are_told_at_once(tiny, capsys):
    assert main(["check", tiny, "training.best_metric=nothing", "model.backbone.name=resnt18"]) == 1
    out = capsys.readouterr().out
    assert "'nothing'" in out
    assert "'resnt18'" in out
    assert out.endswith(": 2 problems\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["training=null"],
        ["data.val=null", "evaluators=[]"],
        ["criterion.losses.0.class_weights={sky: 2}"],  # the classes of the data
        ["training.best_metric=pq", "training.evaluate_every=2"],
        ["training.hooks=[{type: ema}, {type: freeze, parameters: ['backbone.*']}]"],
    ],
)
def test_nothing_else_is_refused(tiny, words):
    assert refusals(load_config(tiny, words)) == []


def test_start_weights_of_a_run_may_be_gone(tiny):
    assert refusals(load_config(tiny, ["init_from=nowhere"]), begun=True) == []


def test_what_is_never_reached_is_a_note(tiny, capsys):
    assert main(["check", tiny, "training.evaluate_every=9"]) == 0
    assert capsys.readouterr().out == (
        f"{tiny}: note: training.evaluate_every: 9 steps, but the training takes 4: only the last step is evaluated\n"
        f"{tiny}: OK\n"
    )


def test_no_losses_are_refused(tiny):
    with pytest.raises(SegkitError, match="the list is empty, so there is nothing to learn"):
        load_config(tiny, ["criterion.losses=[]"])
