"""Every built part is checked against the contract of its kind."""

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from segkit import config, testing
from segkit.build import build_part
from segkit.errors import RegistryError
from segkit.registries import BY_KIND, REGISTRIES, Registry
from segkit.registries.contract import published
from segkit.types import Feature

FEATURE = Feature(8, 4)


def odd_part(kind, attributes, base=nn.Module):
    """A registry of a contract, with one part `odd` that publishes `attributes`; and the part in words."""
    real = BY_KIND[kind]
    registry = Registry(kind, f"odd_{kind}s", real.contract, optional=real.optional, base=real.base)

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
        "checkpoint_format": ["looks_for"],
    }


@pytest.mark.parametrize(
    ("kind", "attributes", "wrong", "contract"),
    [
        ("backbone", {"pixel_mean": (1.0, 2, 3)}, "'pixel_std' (numbers).", "NormalizedBackbone"),
        (
            "backbone",
            {"pixel_mean": (1, 2, 3), "pixel_std": (4, "5")},
            "'pixel_std' as numbers, not (4, '5').",
            "NormalizedBackbone",
        ),
        ("model", {"pixel_std": (1.0, 2, 3)}, "'pixel_mean' (numbers).", "NormalizedModel"),
        ("model", {"prediction_type": "pixels"}, "'prediction_type' as a class, not 'pixels'.", "TypedModel"),
    ],
)
def test_what_is_optional_is_published_whole_or_not_at_all(kind, attributes, wrong, contract):
    needed = {"backbone": {"features": [FEATURE]}, "model": {"size_divisor": 4}}[kind]
    registry, who = odd_part(kind, {**needed, **attributes})
    assert error_of(registry) == f"{who} must publish {wrong} See the contract, segkit.registries.{contract}."


PLACES = {"getattr": 1, "hasattr": 1, "published": 2}
"""Function -> the place of the name among its arguments."""


def names_asked_for(file):
    """The attributes of parts that a file asks for by name."""
    for node in ast.walk(ast.parse(file.read_text())):
        place = PLACES.get(getattr(node.func, "id", "")) if isinstance(node, ast.Call) else None
        name = None if place is None else node.args[place]
        if isinstance(name, ast.Constant) and name.value != "__name__":
            yield name.value


def contract_names(registry):
    return {name for one in (registry.contract, *registry.optional) for name in vars(one)}


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_attribute_that_a_check_asks_for_stands_in_the_contract(registry):
    file = Path(testing.__file__).parent / f"{registry.kind}.py"
    assert set(names_asked_for(file)) <= contract_names(registry)


def test_every_attribute_that_is_asked_for_before_building_stands_in_a_contract():
    known = set().union(*map(contract_names, REGISTRIES))
    files = [Path(config.__file__).parent / "consistency.py", Path(testing.__file__).parent / "_results.py"]
    asked = {name for file in files for name in names_asked_for(file)}
    assert {"input_type", "prediction_type", "result_type"} <= asked <= known
