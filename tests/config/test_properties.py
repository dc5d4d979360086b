"""Whatever a config says, loading it gives a checked config or located problems, never another exception."""

import copy
import re

import yaml
from fake_parts import CONFIG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segkit.config import Config, load_config
from segkit.config.annotated import annotated
from segkit.errors import ConfigError

LOCATED = re.compile(r"(<command line>|x\.yaml(:\d+)?): \S")
NAMES = st.sampled_from(
    ["type", "name", "tiny", "fpn", "dice", "weight", "model", "losses", "data", "transforms", "flip", "", "a.b", "a b"]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), NAMES, st.text(max_size=5))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=5,
)


def load(text: str, overrides: list[str]) -> Config | None:
    """The checked config, or None where it is refused with located problems."""
    with open("x.yaml", "w", encoding="utf-8", newline="") as file:
        file.write(text)
    try:
        return load_config("x.yaml", overrides)
    except ConfigError as error:
        lines = str(error).splitlines()
        assert lines
        assert [line for line in lines if not LOCATED.match(line)] == []
        return None


def holds(text: str, overrides: list[str]) -> None:
    config = load(text, overrides)
    if config is not None:
        assert config.experiment.model == config["model"]
        for resolved in (config.to_yaml(), annotated(config)):
            again = load(resolved, [])
            assert again is not None
            assert repr(again.data) == repr(config.data)  # not ==, for the sake of nan


def places(data: object, found: list[tuple[object, object]]) -> list[tuple[object, object]]:
    """Every (container, key or index) of nested data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        found.append((data, key))
        places(value, found)
    return found


@st.composite
def mutated(draw: st.DrawFn) -> str:
    data = yaml.safe_load(CONFIG)
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(data, []) or [(data, "model")]))
        action = draw(st.sampled_from(["replace", "remove", "rename", "double", "insert"]))
        if action == "replace":
            container[key] = draw(VALUES)
        elif action == "remove" or action == "rename":
            value = container.pop(key)
            if action == "rename" and isinstance(container, dict):
                container[draw(NAMES)] = value
        elif isinstance(container, list):
            container.append(copy.deepcopy(container[key]) if action == "double" else draw(VALUES))
        else:
            container[draw(NAMES)] = copy.deepcopy(container[key]) if action == "double" else draw(VALUES)
    return yaml.safe_dump(data, sort_keys=False)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    text = CONFIG
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 5))
        middle = draw(st.one_of(st.sampled_from(list("{}[]:,&*!|>#%@'\"\t\n- ~")), st.text(max_size=3)))
        text = text[:start] + middle + text[end:]
    return text


PATHS = st.lists(
    st.sampled_from(
        ["model", "backbone", "type", "criterion", "losses", "0", "1", "7", "-1", "weight", "x", "", "data"]
    ),
    min_size=1,
    max_size=4,
)
OVERRIDES = st.one_of(
    st.text(max_size=8),
    st.builds(
        lambda path, value: f"{'.'.join(path)}={yaml.safe_dump(value, default_flow_style=True, width=1000).strip()}",
        PATHS,
        VALUES,
    ),
)
quickly = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@quickly
@given(mutated(), st.lists(OVERRIDES, max_size=2))
def test_configs_with_other_keys_and_values(text, overrides):
    holds(text, overrides)


@quickly
@given(damaged())
def test_configs_with_damaged_text(text):
    holds(text, [])


@quickly
@given(st.lists(OVERRIDES, min_size=1, max_size=3))
def test_overrides_of_any_kind(overrides):
    holds(CONFIG, overrides)
