"""Every whole number that YAML sets has a smallest value, so that a size of 0 or -8 is refused by name."""

import inspect
from dataclasses import is_dataclass
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from segkit.config import schema, sections
from segkit.config.arguments import check_arguments
from segkit.errors import ConfigError
from segkit.registries import REGISTRIES
from segkit.registries.signature import Bounds, after_star, annotation_of

CHECKED_OTHERWISE = {
    "dataset/shapes: size": "compared with the smallest side that things can be drawn in",
    "dataset/mask_folder: label_map": "compared with the class list",
    "dataset/instance_folder: label_map": "compared with the class list",
}


def whole_numbers(annotation, bounds=None):
    """Yields the bounds of every whole number in an annotation, None where it has none."""
    if annotation is int:
        yield bounds
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        found = next((extra for extra in extras if isinstance(extra, Bounds)), bounds)
        yield from whole_numbers(annotation, found)
    else:
        for inner in get_args(annotation):
            yield from whole_numbers(inner, bounds)


def of_parts():
    for registry in REGISTRIES:
        for name in registry.names():
            part = registry.get(name)
            for parameter in after_star(part).values():
                yield f"{registry.kind}/{name}: {parameter.name}", annotation_of(part, parameter)


def of_sections():
    for module in (schema, sections):
        for name, section in inspect.getmembers(module, is_dataclass):
            for field, annotation in get_type_hints(section, include_extras=True).items():
                yield f"{name}: {field}", annotation


SETTINGS = {name: found for name, one in [*of_parts(), *of_sections()] if (found := list(whole_numbers(one)))}


def test_what_is_checked_otherwise_is_still_there():
    assert set(CHECKED_OTHERWISE) <= set(SETTINGS)
    assert len(SETTINGS) > 60


@pytest.mark.parametrize("setting", sorted(set(SETTINGS) - set(CHECKED_OTHERWISE)))
def test_a_whole_number_has_a_smallest_value(setting):
    for bounds in SETTINGS[setting]:
        assert bounds is not None, f"{setting} has no bounds. Annotate it with Positive, NonNegative or Bounds."
        least = bounds.least if bounds.least is not None else bounds.above
        assert least is not None, f"{setting} has no smallest value. Give its Bounds `least`."
        below = least - 1 if bounds.least is not None else least
        with pytest.raises(ConfigError, match=rf"^size: must be (at least|more than) {least}, not {below}\.$"):
            check_arguments(size=(below, Annotated[int, bounds]))
