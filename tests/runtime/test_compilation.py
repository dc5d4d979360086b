"""`training.compile`."""

import copy
import warnings
from functools import partial

import pytest
import torch

import segkit
from segkit.classes import Classes
from segkit.config import load_config
from segkit.runtime.compilation import compile_parts
from segkit.training.train import train
from tests.helpers.tiny import lines_of, write_tiny

IMAGES = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
SIZES = [(64, 96), (60, 90)]


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    config = load_config(write_tiny(tmp_path), ["model.transformer_decoder.dropout=0"])
    return segkit.build_model(config, Classes.make(list("abcdefgh")))


def loss(prediction):
    return sum(layer.mask_logits.square().mean() + layer.class_logits.square().mean() for layer in prediction.layers)


@pytest.mark.slow
def test_it_computes_the_same(model, monkeypatch):
    # Graphs are captured and differentiated as always; making machine code of them would take minutes.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    names = list(model.state_dict())
    outcomes = []
    for compiled in (False, True):
        if compiled:
            compile_parts(model)
        model.zero_grad()
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="training.compile")
            value = loss(model(IMAGES, SIZES))
        value.backward()
        outcomes.append([value.detach(), *(parameter.grad.clone() for parameter in model.parameters())])
    assert list(model.state_dict()) == names
    for plain, compiled in zip(*outcomes, strict=True):
        assert torch.allclose(plain, compiled, rtol=1e-3, atol=1e-5)


def test_what_cannot_be_compiled_runs_as_it_is_after_one_warning(model, monkeypatch):
    def broken(function):
        def fail(*inputs, **keywords):
            raise RuntimeError("no compiler\nmore")

        return fail

    expected = loss(model(IMAGES, SIZES))
    monkeypatch.setattr(torch, "compile", broken)
    compile_parts(model)
    with pytest.warns(UserWarning, match=r"training\.compile") as warned:
        found = loss(model(IMAGES, SIZES))
    assert [str(one.message) for one in warned if "training.compile" in str(one.message)] == [
        f"training.compile: the {kind} cannot be compiled and runs uncompiled from now on: RuntimeError: no compiler"
        for kind in ("backbone", "pixel_decoder", "transformer_decoder")
    ]
    assert torch.allclose(found, expected, rtol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(IMAGES, SIZES)


def test_a_model_without_nested_parts_is_compiled_as_a_whole(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda function: compiled.append(function) or function)
    model = torch.nn.Linear(2, 1)
    compile_parts(model)
    assert [function.__self__ for function in compiled] == [model]


def test_evaluation_is_not_compiled(model, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: pytest.fail)
    compile_parts(model.eval())
    model(IMAGES, SIZES)


def test_a_training_pads_to_few_sizes(tmp_path, monkeypatch):
    seen = []

    def compiled(function):
        return lambda *inputs, **keywords: seen.append(inputs) or function(*inputs, **keywords)

    monkeypatch.setattr(torch, "compile", compiled)
    run = train(load_config(write_tiny(tmp_path), ["training.compile=true", "training.steps=2"]), tmp_path / "run")
    assert {tuple(inputs[0].shape) for inputs in seen if torch.is_tensor(inputs[0])} == {(2, 3, 128, 128)}
    assert lines_of(run)[-1]["step"] == 2


def test_a_copy_evaluates_with_its_own_weights(model, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)
    compile_parts(model)
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        before = loss(twin(IMAGES, SIZES))
        for parameter in model.parameters():
            parameter.zero_()
        assert loss(twin(IMAGES, SIZES)) == before
