"""What is promised of every part that is an nn.Module, whatever it computes.

* It keeps no tensor as a plain attribute, which would not move to another device with it.
* In eval mode it draws nothing and remembers nothing: two calls give the same.
* It leaves its inputs as they were.
* An image gets the same answer alone as in a batch.
* Under bf16 autocast it gives finite floating outputs of the same shapes.
* In training mode a gradient comes to every parameter that requires one, and through to the inputs.
* Its state is all in `state_dict()`: a second instance that loads it answers the same.
* Where it cannot be compiled whole, a warning says so.
"""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import cause_of
from segkit.testing._common import difference, named, shape_of, trying

Outputs = dict[str, Tensor]
"""A part's outputs by the words that complaints have for them; the batch is their first dimension."""


@dataclass(frozen=True)
class Trial:
    """A part, what it is given, and how its answer is taken apart."""

    who: str
    module: nn.Module
    inputs: dict[str, Tensor]
    """By the words that complaints have for them; batches of two."""
    run: Callable[[Any, list[Tensor]], Outputs]
    """(module, inputs) -> outputs."""
    reached: dict[str, list[str]]
    """What a gradient must come through to: words -> inputs, of which one at least gets it."""

    def outputs(self, situation: str) -> Outputs:
        with trying(self.who, situation):
            return self.run(self.module, list(self.inputs.values()))

    def part_of_batch(self, index: int) -> "Trial":
        return replace(self, inputs={name: tensor[index : index + 1] for name, tensor in self.inputs.items()})


def check_is_module(kind: str, part: object) -> None:
    assert isinstance(part, nn.Module), f"{named(kind, part)} is no nn.Module, which every {kind} has to be"


def published(who: str, part: object, name: str, kind: type, words: str) -> Any:
    """The attribute that a part publishes, of the type promised."""
    value = getattr(part, name, None)
    assert isinstance(value, kind), f"{who} publishes {name} = {value!r}, where {words} is promised"
    return value


def check_module(trial: Trial, second: nn.Module) -> None:
    """`second` is another instance, of other random weights. Leaves the part in eval mode."""
    trial.module.eval()
    second.eval()
    _check_attributes(trial)
    before = {name: tensor.clone() for name, tensor in trial.inputs.items()}
    with torch.no_grad():
        answer = trial.outputs("in eval mode")
        for name, tensor in trial.inputs.items():
            assert torch.equal(tensor, before[name]), (
                f"{trial.who} changes the {name} it is given in place, which others may still need"
            )
        _check_repeats(trial, answer)
        _check_alone(trial, answer)
        _check_autocast(trial, answer)
        _check_state(trial, answer, second)
    _check_gradients(trial)


def check_meta(who: str, make: Callable[[], Any]) -> None:
    """Shapes are learnt from a model on the meta device, whose tensors hold no values."""
    with (
        trying(who, "when it is built on the meta device, where tensors have shapes but no values"),
        torch.device("meta"),
    ):
        make()


def _check_attributes(trial: Trial) -> None:
    for path, module in trial.module.named_modules():
        for name, value in vars(module).items():
            where = f"{path}.{name}" if path else name
            assert not isinstance(value, Tensor), (
                f"{trial.who} keeps the tensor '{where}' as a plain attribute, which stays behind when the part moves "
                "to another device. Make it a buffer, persistent=False where it follows from the settings"
            )


def _check_repeats(trial: Trial, answer: Outputs) -> None:
    for name, again in trial.outputs("when it is called again").items():
        apart = difference(answer[name], again)
        assert not apart, (
            f"{trial.who} gives two answers to two calls in eval mode: the {name} differ by up to {apart:.3g}. There a "
            "part draws nothing and remembers nothing"
        )


def _check_alone(trial: Trial, answer: Outputs) -> None:
    for index in range(2):
        for name, alone in trial.part_of_batch(index).outputs("on a batch of one").items():
            apart = difference(answer[name][index : index + 1], alone)
            assert not apart, (
                f"{trial.who} answers an image otherwise alone than in a batch: the {name} differ by up to {apart:.3g}"
            )


def _check_autocast(trial: Trial, answer: Outputs) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = trial.outputs("under bf16 autocast")
    for name, output in outputs.items():
        assert output.is_floating_point(), (
            f"{trial.who} gives {name} of {output.dtype} under bf16 autocast, where a floating type is promised"
        )
        assert output.isfinite().all(), f"{trial.who} gives {name} that are not finite under bf16 autocast"
        assert output.shape == answer[name].shape, (
            f"{trial.who} gives {name} of shape {shape_of(output)} under bf16 autocast, and {shape_of(answer[name])} "
            "without it"
        )


def _check_state(trial: Trial, answer: Outputs, second: nn.Module) -> None:
    with trying(trial.who, "when another instance loads its state"):
        second.load_state_dict(trial.module.state_dict())
    for name, output in replace(trial, module=second).outputs("in another instance").items():
        apart = difference(answer[name], output)
        assert not apart, (
            f"{trial.who} and another instance that has loaded its state answer differently: the {name} differ by up "
            f"to {apart:.3g}. What it learns or draws belongs into parameters and buffers"
        )


def warn_unless_compilable(trial: Trial) -> None:
    """Warns where torch.compile cannot take the part as one graph: a fault to know of, not one of the contract."""
    torch._dynamo.reset()
    compiled = torch.compile(trial.module, backend="eager", fullgraph=True)
    try:
        with torch.no_grad():
            trial.run(compiled, list(trial.inputs.values()))
    except Exception as error:  # whatever stops the compiler is what there is to tell
        warnings.warn(
            f"{trial.who} cannot be compiled whole ({cause_of(error)}); it will run uncompiled there", stacklevel=3
        )
    finally:
        torch._dynamo.reset()


def _check_gradients(trial: Trial) -> None:
    module = deepcopy(trial.module).train()  # a copy, since training changes running statistics
    sources = {name: tensor.clone() for name, tensor in trial.inputs.items()}
    for name in [name for names in trial.reached.values() for name in names]:
        sources[name].requires_grad_()
    outputs = replace(trial, module=module, inputs=sources).outputs("in training mode")
    for name, output in outputs.items():
        assert output.requires_grad, f"{trial.who} gives {name} that carry no gradient in training mode"
    # A plain sum would have no gradient behind a layer norm.
    total = torch.stack([(output.float() * torch.randn(output.shape)).sum() for output in outputs.values()]).sum()
    for goal, names in trial.reached.items():
        found = torch.autograd.grad(total, [sources[name] for name in names], retain_graph=True, allow_unused=True)
        assert any(gradient is not None and bool(gradient.any()) for gradient in found), (
            f"{trial.who} lets no gradient through to the {goal}"
        )
    check_parameter_gradients(trial.who, module, total)


def check_parameter_gradients(who: str, module: nn.Module, total: Tensor) -> None:
    """Every parameter that requires a gradient gets a finite one from `total`."""
    wanting = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if not wanting:
        return
    gradients = torch.autograd.grad(total, list(wanting.values()), allow_unused=True)
    found = dict(zip(wanting, gradients, strict=True))
    without = [name for name, gradient in found.items() if gradient is None]
    assert not without, (
        f"{who} has parameters that get no gradient, which training on several devices refuses: {', '.join(without)}"
    )
    wild = [name for name, gradient in found.items() if gradient is not None and not gradient.isfinite().all()]
    assert not wild, f"{who} has parameters whose gradient is not finite: {', '.join(wild)}"
