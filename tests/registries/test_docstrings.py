"""What is read out of docstrings, and that segkit's own parts have one for every setting."""

from dataclasses import dataclass

import pytest

from segkit.config.schema import sections_of
from segkit.config.sections import Experiment
from segkit.registries import REGISTRIES
from segkit.registries.docstrings import field_texts, parameter_texts, summary_of, text_of
from segkit.registries.signature import after_star


class Part:
    """A part of a test.

    width: how wide it is,
        in pixels.
    Note: this is no parameter.

    More of it.
    """

    def __init__(self, features, *, width, height=1, depth=2, mean=0, std=1):
        """
        Args:
            features: injected.
            height (int): how high.
            mean, std: of red: 0..255.

        Raises ValueError: never.
        """


def function(*, width):
    """
    Args:
        width: how wide.
    """


def test_parameters_of_class_and_constructor():
    assert parameter_texts(Part) == {
        "width": "how wide it is, in pixels.",
        "features": "injected.",
        "height": "how high.",
        "mean": "of red: 0..255.",
        "std": "of red: 0..255.",
    }


def test_parameters_of_a_function():
    assert parameter_texts(function) == {"width": "how wide."}


def test_the_text_is_all_but_the_parameters():
    assert text_of(Part) == "A part of a test.\n\nNote: this is no parameter.\n\nMore of it."
    assert text_of(function) == ""


def test_the_summary_of_a_part_or_of_its_module():
    assert summary_of(Part) == "A part of a test."
    assert summary_of(function) == __doc__.strip()


def test_fields_of_a_section():
    @dataclass
    class Section:
        """A section."""

        steps: int
        """How many
        steps."""
        seed: int = 0
        rate: float = 0.5
        """How fast."""

    assert field_texts(Section) == {"steps": "How many steps.", "rate": "How fast."}


OWN_PARTS = [(registry, name) for registry in REGISTRIES for name in registry.names() if registry.candidate(name).own]


@pytest.mark.parametrize(("registry", "name"), OWN_PARTS, ids=lambda value: getattr(value, "kind", value))
def test_every_setting_of_a_part_is_documented(registry, name):
    part = registry.get(name)
    assert set(after_star(part)) - set(parameter_texts(part)) == set()


@pytest.mark.parametrize("section", list(sections_of(Experiment)), ids=lambda section: section.__name__)
def test_a_section_is_described(section):
    assert summary_of(section)
