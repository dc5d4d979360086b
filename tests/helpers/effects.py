"""What settings and options change: everything observable of a command, and of a part, as values that compare."""

import argparse
import contextlib
import copy
import hashlib
import io
import json
import re
import tempfile
import warnings
from pathlib import Path

import pytest
import torch

from segkit.build import build_part
from segkit.classes import Classes
from segkit.cli.main import commands, main
from segkit.criterion import Criterion, WeightedLoss
from segkit.data import loading
from segkit.errors import SegkitError
from segkit.models._base import PyramidModel
from segkit.ops.targets import change_maps, label_map_of
from segkit.registries import MATCHERS
from segkit.runtime.integrity import MANIFEST
from segkit.runtime.writing import without_nan
from segkit.testing.hook import tiny_context
from segkit.training.state import SavedState
from segkit.types import (
    Feature,
    ImageSizes,
    InstanceResult,
    PixelPrediction,
    Prediction,
    Sample,
    SemanticResult,
    Target,
)

CLASSES = Classes.make(["sky", "car", "person"], things=[False, True, True])
NOT_COMPARED = re.compile(r"[\d.]+ images/s|\d+:\d\d:\d\d|/tmp/\S+|\d+ images a step")
"""In what is printed: times, places, and what only repeats the settings, whether they have an effect or not."""


class _Recorder(argparse.ArgumentParser):
    """Remembers the arguments that are added to it."""

    def __init__(self):
        self.actions = []
        super().__init__(add_help=False)

    def add_argument(self, *names, **settings):
        action = super().add_argument(*names, **settings)
        self.actions.append(action)
        return action


def options_of_commands():
    """Returns `command --option` or `command argument` for everything that the commands take."""
    found = []
    for name, module in commands().items():
        parser = _Recorder()
        module.add_arguments(parser)
        found += [f"{name} {(action.option_strings or [action.dest])[0]}" for action in parser.actions]
    return found


def observe_command(words):
    """Runs a command in an empty folder.

    Returns what can be observed: the exit code, what it prints, the files it writes, the batches that models get, how
    many processes load data and how long they may take, and what is compiled.
    """
    batches, loaders, compiled, made = [], [], [], loading.WorkerBatches
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: batches.append(list(inputs[0].shape)) if isinstance(module, PyramidModel) else None
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(hook.remove)
        patch.chdir(folder)
        patch.setattr(torch, "compile", lambda function, **_: compiled.append(1) or function)
        patch.setattr(loading, "WorkerBatches", lambda *a, **k: loaders.append([a[3], k["timeout"]]) or made(*a, **k))
        out = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        errors = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:
            code = end.code
        return {
            "code": code,
            "printed": [NOT_COMPARED.sub("", text.getvalue()) for text in (out, errors)],
            "files": {_name(file.relative_to(folder)): _content(file) for file in sorted(_files(Path(folder)))},
            "batches": batches,
            "loaders": loaders,
            "compiled": len(compiled),
        }


def _files(folder):
    """All files but those that only repeat the settings, whether they have an effect or not."""
    repeat = ("config.yaml", MANIFEST, "environment.json")
    files = [file for file in folder.rglob("*") if file.is_file() and file.name not in repeat]
    return [file for file in files if not file.name.startswith("manifest_")]


def _name(file):
    """Event files of TensorBoard are named by time and machine."""
    return str(file.parent / "events") if "tfevents" in file.name else str(file)


def _content(file):
    """What matters in a file: not the time, the speed or the command line."""
    if file.name == "metrics.jsonl":
        unsteady = ("images_per_second", "waiting_for_data", "seconds", "time")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return [{key: value for key, value in line.items() if key not in unsteady} for line in lines]
    if file.name == "training_state.pt":
        return vars(SavedState(file.parent).state) | {"rng": None}
    if "tfevents" in file.name:
        return None
    return hashlib.sha256(file.read_bytes()).hexdigest()


def observe_part(registry, settings):
    """Returns what a part computes from fixed inputs and random numbers, or the error that refuses its settings."""
    try:
        return _observe_part(registry, settings)
    except SegkitError as error:
        return str(error)


def _observe_part(registry, settings):
    torch.manual_seed(0)
    part = build_part(
        registry,
        settings,
        {
            "classes": CLASSES,
            "num_classes": len(CLASSES),
            "features": [Feature(8, 4), Feature(16, 8)],
            "memory": [Feature(16, 8)],
            "mask_dim": 8,
            "model": _model_to_optimize(),
        },
    )
    return frozen(OBSERVERS[registry.kind](part, settings))


def frozen(value):
    """Returns plain values that compare, tensors as lists."""
    if isinstance(value, torch.Tensor):
        return [list(value.shape), value.detach().float().flatten().tolist()]
    if isinstance(value, dict):
        return {key: frozen(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [frozen(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: frozen(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def _module(module, *inputs):
    """What a module holds, gives in training, and keeps for the backward pass."""
    kept = []
    module.train()
    for parameter in module.parameters():
        if not parameter.any():  # branches that begin with a weight of zero would hide what they compute
            torch.nn.init.constant_(parameter, 0.5)
    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(1) or tensor, lambda tensor: tensor):
        given = module(*copy.deepcopy(inputs))
    return {
        "tensors": {name: list(tensor.shape) for name, tensor in module.state_dict().items()},
        "trained": [name for name, parameter in module.named_parameters() if parameter.requires_grad],
        "kept": len(kept),
        "given": [given.class_logits, given.mask_logits, len(given.auxiliary)]
        if isinstance(given, Prediction)
        else given,
    }


def _random(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(2))


def _images():
    return (_random(2, 3, 64, 64) * 255).to(torch.uint8)


def prediction_and_targets():
    """Three layers of queries, and targets with void, of two images."""
    layers = [
        Prediction(8 * _random(2, 6, 4) - layer, dense_mask_logits=20 * _random(2, 6, 8, 8).roll(layer, 1) - 10)
        for layer in range(3)
    ]
    layers[-1].auxiliary = layers[:-1]
    segment_map = torch.tensor([0, 0, 1, 1, 1, 2, -1, -1], dtype=torch.int16).expand(8, 8).contiguous()
    targets = [
        Target(torch.tensor(labels), segment_map=segment_map.roll(labels[0], 1), valid=segment_map >= 0)
        for labels in ([0, 1, 2], [2, 1, 0])
    ]
    return layers[-1], targets


def _loss(part, settings):
    prediction, targets = prediction_and_targets()
    if settings["type"] == "pixel_cross_entropy":
        prediction = PixelPrediction(_random(2, 3, 8, 8))
    matcher = None if isinstance(prediction, PixelPrediction) else build_part(MATCHERS, {"type": "hungarian"})
    criterion = Criterion([WeightedLoss("loss", part, settings.get("weight", 1.0))], matcher, True, True)
    return criterion(prediction, targets)


def _matcher(part, settings):
    prediction, targets = prediction_and_targets()
    torch.manual_seed(1)
    return part.costs(prediction.layers, targets)


def _postprocessor(part, settings):
    prediction, _ = prediction_and_targets()
    return part(prediction, [ImageSizes((32, 32), (32, 32), (32, 32))] * 2)


def _dataset(part, settings):
    return part.classes.to_dict(), [part[index] for index in range(min(len(part), 4))], len(part)


def _transform(part, settings):
    _, (target, _) = prediction_and_targets()
    map_of = target.segment_map.repeat_interleave(4, 0).repeat_interleave(5, 1)
    image = (_random(3, *map_of.shape) * 255).to(torch.uint8)
    given = []
    for seed in range(6):
        torch.manual_seed(seed)
        sample = Sample(image.clone(), Target(target.labels, segment_map=map_of.clone()), "a.png", 0)
        given.append(part(sample))
    return given


def _model_to_optimize():
    model = torch.nn.Module()
    model.backbone, model.head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)
    model.backbone.parameter_layers = lambda: [["weight"], ["bias"]]
    return model


def _optimizer(part, settings):
    return [{key: value for key, value in group.items() if key != "params"} for group in part.param_groups]


def _evaluator(part, settings):
    """Metrics of results that are a pixel off, in images of 64 x 64."""
    for number, target in enumerate(prediction_and_targets()[1]):
        target = change_maps(target, lambda values: values.repeat_interleave(8, -1).repeat_interleave(8, -2))
        moved = change_maps(target, lambda values: values.roll(1, -1))
        if part.result_type is SemanticResult:
            result = SemanticResult(label_map_of(moved, void=0))
        else:
            result = InstanceResult(moved.labels, torch.linspace(0.9, 0.5, len(moved)), moved.masks)
        part.add(result, target, number)
    return without_nan(part.compute().values)  # nan is unequal to itself


def _hook(part, settings):
    """What a training of two steps and an evaluation is with the hook, and what the hook sends and prints."""
    model = _model_to_optimize()
    part.on_model(model)
    said = []
    context = tiny_context(model, evaluations_without_best=2)
    context.print = context.stop = said.append
    part.on_start(context)
    for value in (1.0, 2.0):
        torch.nn.init.constant_(model.head.weight, value)
        part.after_step(context)
    part.before_evaluation(context)
    part.after_evaluation(context, {"mean_iou": 0.5})
    evaluated = model if context.evaluated_model is None else context.evaluated_model
    return {
        "said": said,
        "evaluated": dict(evaluated.state_dict()),
        "trained": [name for name, parameter in model.named_parameters() if parameter.requires_grad],
        "tracker": [getattr(part, name, None) for name in ("name", "project", "options")],
    }


OBSERVERS = {
    "backbone": lambda part, settings: _module(part, _random(2, 3, 64, 64)),
    "pixel_decoder": lambda part, settings: _module(part, [_random(2, 8, 16, 16), _random(2, 16, 8, 8)]),
    "transformer_decoder": lambda part, settings: _module(part, [_random(2, 16, 8, 8)], _random(2, 8, 16, 16)),
    "model": lambda part, settings: {
        **_module(part, _images().to(part.pixel_format.dtype)),
        "divisor": part.size_divisor,
        "takes": str(part.pixel_format),
    },
    "matcher": _matcher,
    "loss": _loss,
    "postprocessor": _postprocessor,
    "dataset": _dataset,
    "transform": _transform,
    "evaluator": _evaluator,
    "optimizer": _optimizer,
    "schedule": lambda part, settings: [part(step, 20) for step in range(20)],
    "hook": _hook,
}
"""kind -> `(part, settings) -> what it does`."""
