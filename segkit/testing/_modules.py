"""What every part that is an nn.Module must do.

* It keeps no tensor as a plain attribute, which would not move to another device with it.
* In eval mode it draws no random numbers and keeps no state: two calls return the same.
* It leaves its inputs unchanged.
* It returns the same for an image alone as in a batch.
* Under bf16 autocast it returns finite floating-point outputs of the same shapes.
* In training mode a gradient reaches every parameter that requires one, and the inputs.
* If it changes with the step (`on_step`), what it returns at a step does not depend on the steps before.
* All its state is in `state_dict()`: a second instance that loads it returns the same.

A warning says if it cannot be compiled as one graph.
"""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from segkit.errors import cause_of
from segkit.layers.stepping import announce_step, stepped_parts
from segkit.testing._common import difference, named, shape_of, trying

T = TypeVar("T")
Outputs = dict[str, Tensor]
"""A part's outputs by their names in error messages; the batch is their first dimension."""


@dataclass(frozen=True)
class Trial:
    """A part with inputs to try it with."""

    who: str
    module: nn.Module
    inputs: dict[str, Tensor]
    """Batches of two, by their names in error messages."""
    run: Callable[[nn.Module, list[Tensor]], Outputs]
    """Calls the module with the inputs and names its outputs."""
    reached: dict[str, list[str]]
    """What a gradient must reach: its name -> the inputs of which at least one gets a gradient."""

    def outputs(self, situation: str) -> Outputs:
        """Runs the part; `situation` tells error messages when it failed."""
        with trying(self.who, situation):
            return self.run(self.module, list(self.inputs.values()))

    def of_image(self, index: int) -> "Trial":
        """Returns the trial with one image of the batch."""
        return replace(self, inputs={name: tensor[index : index + 1] for name, tensor in self.inputs.items()})


def as_module(kind: str, part: object) -> nn.Module:
    """Checks that a part is an nn.Module, and returns it as one."""
    assert isinstance(part, nn.Module), f"{named(kind, part)} is not an nn.Module. Derive it from torch.nn.Module."
    return part


def published(who: str, part: object, name: str, kind: type[T], words: str) -> T:
    """Returns an attribute that a part must publish, of type `kind`; `words` describe it in the error message."""
    value = getattr(part, name, None)
    assert isinstance(value, kind), f"{who} publishes {name} = {value!r}. The contract asks for {words}."
    return value


def check_module(trial: Trial, second: nn.Module) -> None:
    """Makes all checks of this file, and leaves the part in eval mode.

    `second` is another instance, with other random weights.
    """
    trial.module.eval()
    second.eval()
    _check_attributes(trial)
    before = {name: tensor.clone() for name, tensor in trial.inputs.items()}
    with torch.no_grad():
        check_steps(trial.who, trial.module, partial(trial.outputs, "in eval mode"))
        outputs = trial.outputs("in eval mode")
        for name, tensor in trial.inputs.items():
            assert torch.equal(tensor, before[name]), (
                f"{trial.who} changes its input {name} in place. Compute on a copy, because others still use the input."
            )
        _check_repeats(trial, outputs)
        _check_alone(trial, outputs)
        _check_autocast(trial, outputs)
        _check_state(trial, outputs, second)
    _check_gradients(trial)  # last, because it needs autograd


def check_meta(who: str, make: Callable[[], object]) -> None:
    """Checks that a part can be built on the meta device, where segkit learns shapes without computing."""
    with (
        trying(who, "when it is built on the meta device, where tensors have shapes but no values"),
        torch.device("meta"),
    ):
        make()


def _check_attributes(trial: Trial) -> None:
    for path, module in trial.module.named_modules():
        for name, value in vars(module).items():
            # Parameters and buffers are not in vars(): nn.Module keeps them in dictionaries of its own.
            where = f"{path}.{name}" if path else name
            assert not isinstance(value, Tensor), (
                f"{trial.who} keeps the tensor '{where}' as a plain attribute, which does not move to another device. "
                "Make it a buffer, with persistent=False if it follows from the settings."
            )


def check_steps(who: str, part: object, outputs: Callable[[], Outputs]) -> None:
    """Checks a part that changes with the step, or has a module that does; `outputs` calls it.

    It is left at the last step but one of 10.
    """
    parts = stepped_parts(part)
    if not parts:
        return
    found = []
    for steps in ((8,), (2, 8)):
        for step in steps:
            with trying(who, f"in on_step({step}, 10)"):
                announce_step(parts, step, 10)
        found.append(outputs())
    for name, output in found[0].items():
        apart = difference(output, found[1][name])
        assert not apart, (
            f"{who} returns different {name} at step 8 of 10 where step 2 came before, by up to {apart:.3g}. Let "
            "on_step compute from step and steps alone, so that a resumed training goes on alike."
        )


def _check_repeats(trial: Trial, outputs: Outputs) -> None:
    for name, again in trial.outputs("when it is called again").items():
        apart = difference(outputs[name], again)
        assert not apart, (
            f"{trial.who} returns different {name} in two calls in eval mode, by up to {apart:.3g}. In eval mode, draw "
            "no random numbers and keep no state."
        )


def _check_alone(trial: Trial, outputs: Outputs) -> None:
    for index in range(2):
        for name, alone in trial.of_image(index).outputs("on a batch of one").items():
            apart = difference(outputs[name][index : index + 1], alone)
            assert not apart, (
                f"{trial.who} returns different {name} for an image alone and in a batch, by up to {apart:.3g}. In "
                "eval mode, compute each image by itself."
            )


def _check_autocast(trial: Trial, outputs: Outputs) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = trial.outputs("under bf16 autocast")
    for name, output in cast.items():
        assert output.is_floating_point(), (
            f"{trial.who} returns {name} of {output.dtype} under bf16 autocast. The contract asks for a floating-point "
            "type."
        )
        assert output.isfinite().all(), (
            f"{trial.who} returns {name} with nan or infinite values under bf16 autocast. Compute what overflows in "
            "float32."
        )
        assert output.shape == outputs[name].shape, (
            f"{trial.who} returns {name} of shape {shape_of(output)} under bf16 autocast, and "
            f"{shape_of(outputs[name])} without it. Return the same shape."
        )


def _check_state(trial: Trial, outputs: Outputs, second: nn.Module) -> None:
    with trying(trial.who, "when another instance loads its state"):
        # Its own random weights differ, so whatever is not in the state shows in the outputs.
        second.load_state_dict(trial.module.state_dict())
    for name, output in replace(trial, module=second).outputs("in another instance").items():
        apart = difference(outputs[name], output)
        assert not apart, (
            f"{trial.who} and another instance that has loaded its state return different {name}, by up to "
            f"{apart:.3g}. Keep all that it learns or draws in parameters and buffers."
        )


def warn_unless_compilable(trial: Trial) -> None:
    """Warns if torch.compile cannot compile the part as one graph. The contract does not require that."""
    torch._dynamo.reset()  # forget the graphs of earlier parts, which count against the limit of recompilations
    compiled = torch.compile(trial.module, backend="eager", fullgraph=True)
    assert isinstance(compiled, nn.Module)  # which its annotation does not tell
    try:
        with torch.no_grad():
            trial.run(compiled, list(trial.inputs.values()))
    except Exception as error:  # the compiler can fail in any way, and each is worth the warning
        warnings.warn(
            f"{trial.who} cannot be compiled as one graph ({cause_of(error)}). The rest of it will run uncompiled.",
            stacklevel=3,
        )
    finally:
        torch._dynamo.reset()


def _check_gradients(trial: Trial) -> None:
    module = deepcopy(trial.module).train()  # a copy, because training changes running statistics
    # Clones, so that the inputs themselves never require a gradient.
    sources = {name: tensor.clone() for name, tensor in trial.inputs.items()}
    for name in [name for names in trial.reached.values() for name in names]:
        sources[name].requires_grad_()
    outputs = replace(trial, module=module, inputs=sources).outputs("in training mode")
    for name, output in outputs.items():
        assert output.requires_grad, (
            f"{trial.who} returns {name} without a gradient in training mode. Do not detach it or compute it under "
            "no_grad."
        )
    # Random factors: a plain sum has zero gradient behind a layer norm.
    total = torch.stack([(output.float() * torch.randn(output.shape)).sum() for output in outputs.values()]).sum()
    for goal, names in trial.reached.items():
        found = torch.autograd.grad(total, [sources[name] for name in names], retain_graph=True, allow_unused=True)
        assert any(gradient is not None and bool(gradient.any()) for gradient in found), (
            f"{trial.who} passes no gradient to the {goal}. Use it without detaching it, so that what computes it can "
            "learn."
        )
    check_parameter_gradients(trial.who, module, total)


def check_parameter_gradients(who: str, module: nn.Module, total: Tensor) -> None:
    """Checks that every parameter that requires a gradient gets a finite one from `total`."""
    wanting = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if not wanting:
        return
    gradients = torch.autograd.grad(total, list(wanting.values()), allow_unused=True)
    found = dict(zip(wanting, gradients, strict=True))
    without = [name for name, gradient in found.items() if gradient is None]
    assert not without, (
        f"{who} has parameters without a gradient: {', '.join(without)}. Use or remove them, because training on "
        "several devices refuses unused parameters."
    )
    wild = [name for name, gradient in found.items() if gradient is not None and not gradient.isfinite().all()]
    assert not wild, (
        f"{who} has parameters with nan or infinite gradients: {', '.join(wild)}. Guard divisions, roots and "
        "logarithms."
    )
