"""Every built part is checked against the contract of its kind."""

import pytest
import torch
from torch import nn

from segkit.build import build_part
from segkit.errors import RegistryError
from segkit.registries import BY_KIND, REGISTRIES, Registry
from segkit.registries.contract import published
from segkit.types import Feature

FEATURE = Feature(8, 4)


def odd_part(kind, attributes, base=nn.Module):
    """A registry of a contract, with one part `odd` that publishes `attributes`; and the part in words."""
    real = BY_KIND[kind]
    registry = Registry(kind, f"odd_{kind}s", real.contract, base=real.base)

    @registry.register("odd")
    def odd():
        return type("Odd", (base,), attributes)()

    return registry, f"{registry.title} 'odd' of test_contract.py ({__name__}:odd_part.<locals>.odd)"


def error_of(registry):
    with pytest.raises(RegistryError) as caught:
        build_part(registry, {"type": "odd"})
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "attributes", "wrong"),
    [
        ("backbone", {}, "'features' (a list of at least one Feature)."),
        ("backbone", {"features": [(8, 4)]}, "'features' as a list of at least one Feature, not [(8, 4)]."),
        ("backbone", {"features": []}, "'features' as a list of at least one Feature, not []."),
        ("pixel_decoder", {"mask_dim": 8}, "'memory' (a list of at least one Feature)."),
        ("pixel_decoder", {"memory": [FEATURE]}, "'mask_dim' (an integer)."),
        (
            "pixel_decoder",
            {"memory": FEATURE, "mask_dim": 8},
            "'memory' as a list of at least one Feature, not Feature(channels=8, stride=4).",
        ),
        ("model", {"size_divisor": 32.0}, "'size_divisor' as an integer, not 32.0."),
        ("loss", {}, "'input_type' ('classes', 'masks' or 'prediction')."),
        ("loss", {"input_type": "mask"}, "'input_type' as 'classes', 'masks' or 'prediction', not 'mask'."),
        ("postprocessor", {}, "'result_type' (a class)."),
        ("evaluator", {"result_type": "semantic"}, "'result_type' as a class, not 'semantic'."),
        ("dataset", {}, "'classes' (a Classes)."),
        ("dataset", {"classes": ["a"]}, "'classes' as a Classes, not ['a']."),
    ],
)
def test_a_part_that_lacks_a_published_attribute_is_refused(kind, attributes, wrong):
    registry, who = odd_part(kind, attributes)
    contract = f"See the contract, segkit.registries.{registry.contract.__name__}."
    assert error_of(registry) == f"{who} must publish {wrong} {contract}"


@pytest.mark.parametrize("kind", ["backbone", "pixel_decoder", "transformer_decoder", "model", "loss"])
def test_a_part_with_weights_must_be_a_module(kind):
    registry, who = odd_part(kind, {"features": [FEATURE], "input_type": "masks"}, base=object)
    assert error_of(registry) == (
        f"{who} builds an object of type Odd, not a torch.nn.Module, so its weights would be neither trained nor "
        f"saved. See the contract, segkit.registries.{registry.contract.__name__}."
    )


def test_an_optimizer_must_be_torch_s():
    registry, who = odd_part("optimizer", {}, base=object)
    assert error_of(registry) == (
        f"{who} builds an object of type Odd, not a torch.optim.Optimizer. "
        "See the contract, segkit.registries.Optimizer."
    )


def test_a_torch_optimizer_keeps_the_contract():
    registry = Registry("optimizer", "odd_optimizers", BY_KIND["optimizer"].contract, base="torch.optim.Optimizer")
    registry.register("odd")(lambda: torch.optim.SGD([nn.Parameter(torch.zeros(1))]))
    assert len(build_part(registry, {"type": "odd"}).param_groups) == 1


@pytest.mark.parametrize("kind", ["matcher", "transform", "schedule"])
def test_other_parts_may_be_anything_that_can_be_called(kind):
    registry, _ = odd_part(kind, {"__call__": lambda self: 3}, base=object)
    assert build_part(registry, {"type": "odd"})() == 3


def test_what_is_published_follows_from_the_contracts():
    assert {registry.kind: published(registry) for registry in REGISTRIES if published(registry)} == {
        "backbone": ["features"],
        "pixel_decoder": ["mask_dim", "memory"],
        "loss": ["input_type"],
        "postprocessor": ["result_type"],
        "model": ["size_divisor"],
        "dataset": ["classes"],
        "evaluator": ["result_type"],
        "optimizer": ["param_groups"],
    }
