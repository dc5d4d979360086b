"""Every config either checks and builds, or is refused with located problems."""

import copy
import math
import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segkit.config import Config, load_config
from segkit.config.annotated import annotated
from segkit.config.nodes import Origin
from segkit.config.plain import plain
from segkit.config.source import dump, inline, parse
from segkit.errors import ConfigError
from segkit.registries import (
    DATASETS,
    EVALUATORS,
    HOOKS,
    LOSSES,
    MATCHERS,
    MODELS,
    OPTIMIZERS,
    POSTPROCESSORS,
    SCHEDULES,
    TRANSFORMS,
)
from segkit.registries.registry import Registry
from segkit.registries.signature import before_star
from tests.helpers.fake_parts import CONFIG

LOCATED = re.compile(r"(<command line>|[xy]\.yaml:\d+): \S")
WORDS = ["type", "name", "tiny", "fpn", "dice", "weight", "model", "losses", "data", "transforms", "flip", "some_of"]
NAMES = st.sampled_from([*WORDS, "", "a.b", "a b", "0", "null", "<<", "schlüssel\u200b"])
EXTREMES = st.sampled_from(
    [
        0,
        -1,
        10**30,
        -(10**400),
        1e300,
        -1e-300,
        math.inf,
        -math.inf,
        math.nan,
        [],
        {},
        "",
        " ",
        "\x85",
        "é∞",
        "x" * 3000,
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), NAMES, EXTREMES, st.text(max_size=5))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=5,
)

ALIKE = {
    int: st.one_of(st.integers(-1, 9), st.floats(0, 1), st.just(10**30)),
    float: st.one_of(st.integers(-1, 9), st.floats()),
    str: st.sampled_from(["tiny", "plain", "fpn", "transformer_fpn", "per_pixel", "dice", "focal", "flip", "some_of"]),
    list: st.one_of(st.just([]), st.lists(st.integers(-1, 9), max_size=3)),
}
"""What a value of some type may be replaced by with good chances that it is still right."""
LIKELY = st.sampled_from(
    [
        "model.backbone={type: plain, width: 3}",
        "model.backbone.depths=[1, 2]",
        "model.backbone.options={a: [b, {c: 1}], d: .nan}",
        "model.type=per_pixel",
        "criterion.matcher=null",
        "criterion.losses.1.alpha=auto",
        "criterion.losses.1.class_weights={a: 1, b: .inf}",
        "data.val={dataset: {type: shapes, folder: a}}",
        "data.train.transforms=[{type: some_of, transforms: [{type: flip}, {type: some_of, transforms: []}]}]",
        "postprocessors=[{type: semantic}, {type: semantic}]",
        "training.steps=99999999999999999999",
        "init_from='null'",
    ]
)


def load(text: str, overrides: list[str], base: str = "") -> Config | None:
    """The checked config, or None where it is refused with located problems."""
    for name, content in (("x.yaml", text), ("y.yaml", base)):
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(content)
    try:
        return load_config("x.yaml", overrides)
    except ConfigError as error:
        lines = str(error).splitlines()
        assert lines
        assert [line for line in lines if not LOCATED.match(line)] == []
        return None


def holds(text: str, overrides: list[str], base: str = "") -> None:
    config = load(text, overrides, base)
    if config is not None:
        build(config)
        for resolved in (config.to_yaml(), annotated(config)):
            again = load(resolved, [])
            assert again is not None
            assert repr(again.data) == repr(config.data)  # not ==, for the sake of nan


def build(config: Config) -> None:
    """Calls every part with its settings from the config."""
    experiment = config.experiment
    call(MODELS, experiment.model)
    if experiment.criterion is not None:
        call_all(LOSSES, experiment.criterion.losses)
        call_all(MATCHERS, [experiment.criterion.matcher])
    call_all(POSTPROCESSORS, experiment.postprocessors)
    call_all(EVALUATORS, experiment.evaluators)
    for split in (experiment.data and experiment.data.train, experiment.data and experiment.data.val):
        if split is not None:
            call_all(DATASETS, [split.dataset])
            call_all(TRANSFORMS, split.transforms)
    if experiment.training is not None:
        call(OPTIMIZERS, experiment.training.optimizer)
        call(SCHEDULES, experiment.training.schedule)
        call_all(HOOKS, experiment.training.hooks)


def call_all(registry: Registry, parts: list[dict[str, Any] | None]) -> None:
    for part in parts:
        if part is not None:
            call(registry, part)


def call(registry: Registry, config: dict[str, Any]) -> None:
    part = registry.get(config["type"])
    given = {key: value for key, value in config.items() if key != "type" and key not in registry.outer_settings}
    part(**dict.fromkeys(name for name in before_star(part) if name in registry.injected), **given)
    hints = get_type_hints(part, include_extras=True)
    for key, value in given.items():
        if key in registry.nests:
            call_all(registry.nests[key], [value])
        elif key == "transforms":
            call_all(TRANSFORMS, value)
        else:
            assert fits(value, hints[key]), (config["type"], key, value, hints[key])


def fits(value: Any, hint: Any) -> bool:
    """Whether a value has exactly the type that a signature names."""
    base, inner = get_origin(hint) or hint, get_args(hint)
    if hint is Any:
        return True
    if base in (Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if base is Annotated:
        return fits(value, inner[0]) and not inner[1].expected(value)
    if base is Literal:
        return value in inner
    if base is tuple:
        return type(value) is tuple and len(value) == len(inner) and all(map(fits, value, inner))
    if base is list:
        return type(value) is list and all(fits(item, inner[0]) for item in value)
    if base is dict:
        return type(value) is dict and all(type(key) is str and fits(item, inner[1]) for key, item in value.items())
    return type(value) is base


def places(data: object, found: list[tuple[object, object]]) -> list[tuple[object, object]]:
    """Every (container, key or index) of nested data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        found.append((data, key))
        places(value, found)
    return found


ACTIONS = ["alter", "alter", "replace", "remove", "rename", "copy", "insert", "move", "exchange"]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The config with some of its keys and values removed, renamed, replaced, copied, moved or exchanged."""
    data = plain(parse(CONFIG, Origin("x.yaml", 1)))
    for _ in range(draw(st.integers(1, 2))):
        there = places(data, []) or [({"a": 1}, "a")]
        (container, key), (other, elsewhere) = draw(st.sampled_from(there)), draw(st.sampled_from(there))
        action = draw(
            st.sampled_from(["alter", "alter", "replace", "remove", "rename", "copy", "insert", "move", "exchange"])
        )
        value = copy.deepcopy(container[key])
        if action in ("remove", "rename", "move"):
            del container[key]
        if action == "alter":
            container[key] = draw(ALIKE.get(type(value), st.just(value)))
        elif action == "replace":
            container[key] = draw(VALUES)
        elif action == "rename" or (action == "insert" and isinstance(container, dict)):
            put(container, draw(NAMES), value if action == "rename" else draw(VALUES))
        elif action in ("copy", "move", "exchange"):
            if action == "exchange":
                container[key] = copy.deepcopy(other[elsewhere])
                put(other, elsewhere, value)
            else:
                put(other, draw(NAMES), value)
    return data


def put(container: dict[str, Any] | list[Any], key: object, value: object) -> None:
    if isinstance(container, list):
        container.append(value)
    else:
        container[key] = value


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The config's text with characters, lines or indentation spoiled."""
    lines = CONFIG.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        action = draw(st.sampled_from(["characters", "characters", "cut", "double", "drop", "indent", "tab", "swap"]))
        if action == "characters":
            start = draw(st.integers(0, len(line)))
            middle = draw(st.one_of(st.sampled_from(list("{}[]:,&*!|>#%@'\"\t\n- ~<?\\")), st.text(max_size=3)))
            lines[number] = line[:start] + middle + line[start + draw(st.integers(0, 5)) :]
        elif action == "cut":
            lines[number] = line[: draw(st.integers(0, len(line)))] + "\n"
        elif action == "double":
            lines[number] = line + line
        elif action == "drop":
            lines[number] = ""
        elif action == "indent":
            lines[number] = " " * draw(st.integers(0, 5)) + line.lstrip(" ")
        elif action == "tab":
            lines[number] = line.replace(" ", "\t", draw(st.integers(1, 4)))
        else:
            other = draw(st.integers(0, len(lines) - 1))
            lines[number], lines[other] = lines[other], line
    return "".join(lines)


PATHS = st.lists(
    st.sampled_from(
        ["model", "backbone", "type", "criterion", "losses", "0", "1", "7", "-1", "weight", "x", "", "data", "training"]
    ),
    min_size=1,
    max_size=4,
)
OVERRIDES = st.one_of(
    LIKELY,
    LIKELY,
    st.text(max_size=8),
    st.builds(
        lambda path, value: f"{'.'.join(path)}={inline(value)}",
        PATHS,
        VALUES,
    ),
)


def quickly(examples: int):
    """Always the same examples, so that what holds once holds on every machine."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@quickly(700)
@given(mutated().map(dump), st.lists(LIKELY, max_size=1))
def test_configs_with_other_keys_and_values(text, overrides):
    holds(text, overrides)


@quickly(700)
@given(damaged())
def test_configs_with_damaged_text(text):
    holds(text, [])


@quickly(400)
@given(st.lists(OVERRIDES, min_size=1, max_size=3))
def test_overrides_of_any_kind(overrides):
    holds(CONFIG, overrides)


@quickly(300)
@given(mutated(), st.one_of(st.just(CONFIG), mutated().map(dump), damaged()))
def test_configs_over_others(data, base):
    holds(dump({"extends": "y.yaml", **data}), [], base)


def test_the_config_itself_builds():
    holds(CONFIG, [])
