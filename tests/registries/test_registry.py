"""Registries: own parts, packages' and files'."""

import inspect
import sys
import time

import pytest

import segkit
from segkit.errors import RegistryError
from segkit.registries import BACKBONES, BY_KIND, BY_PLURAL, LOSSES, MODELS, PIXEL_DECODERS, REGISTRIES
from segkit.registries.discovery import own_candidates
from segkit.registries.docstrings import first_line
from segkit.registries.registry import Entry, Registry
from segkit.registries.signature import annotation_of, parameters


@pytest.fixture
def registry():
    """Of a kind that nobody else provides parts of."""
    return Registry("tea_pot", "tea_pots", injected=("water",), nests=(BACKBONES,), item_settings={"weight": float})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lays a package with entry points where Python finds it, as pip would."""
    before = set(sys.modules)

    def install(distribution, entry_points, folder="site", **modules):
        site = tmp_path / folder
        info = site / f"{distribution.replace('-', '_')}-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "entry_points.txt").write_text("[segkit.tea_pots]\n" + entry_points)
        for name, source in modules.items():
            file = site / (name.replace("__", "/", 1) + ".py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)
        monkeypatch.syspath_prepend(site)

    yield install
    for name in set(sys.modules) - before:
        if name.partition("_")[0] in ("acme", "beta", "fine"):
            del sys.modules[name]


def refused(function, *args) -> str:
    with pytest.raises(RegistryError) as caught:
        function(*args)
    return str(caught.value)


def test_kinds_and_plurals_lead_to_their_registries():
    assert len(REGISTRIES) == len(BY_KIND) == len(BY_PLURAL) == 14
    assert BY_KIND["pixel_decoder"] is BY_PLURAL["pixel_decoders"] is PIXEL_DECODERS
    assert list(MODELS.nests) == ["backbone", "pixel_decoder", "transformer_decoder"]


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.plural)
def test_own_parts_register_under_the_name_of_their_file(registry):
    for candidate in own_candidates(registry.plural):
        part = registry.get(candidate.name)
        assert part.__module__ == f"segkit.{registry.plural}.{candidate.name}"
        assert registry.get(f"segkit/{candidate.name}") is part
        for parameter in parameters(part):
            if parameter.kind is parameter.KEYWORD_ONLY:
                annotation_of(part, parameter)


def test_a_registered_part_is_found(registry):
    @registry.register("mine")
    def mine(water, backbone, *, size: int = 3): ...

    assert registry.get("mine") is mine
    assert registry.get("test_registry.py/mine") is mine
    assert registry.names() == ["mine"]


def test_a_second_holder_of_a_name_is_refused(registry):
    @registry.register("mine")
    def first(): ...

    def second(): ...

    here = f"{__name__}.test_a_second_holder_of_a_name_is_refused.<locals>"
    assert refused(registry.register("mine"), second) == (
        f"{here}.second: tea pot 'mine' is already registered by {here}.first. Choose another name."
    )
    assert registry.register("mine")(first) is first


def test_an_unknown_name_is_told_with_what_there_is(registry, install):
    assert refused(registry.get, "x") == "there is no tea pot 'x', and no other tea pot either."

    @registry.register("brown_betty")
    def brown_betty(): ...

    install("acme-segkit", "samovar = acme_tea:Samovar\n", acme_tea="")
    assert refused(registry.get, "samowar") == (
        "there is no tea pot 'samowar'. Did you mean 'samovar'? "
        "There are: samovar (acme-segkit 0.1), brown_betty (test_registry.py)"
    )
    assert refused(registry.get, "acme/samovar") == (
        "there is no tea pot 'acme/samovar'. Did you mean 'acme-segkit/samovar'? "
        "There are: samovar (acme-segkit 0.1), brown_betty (test_registry.py)"
    )


def varargs(*args): ...


def varkwargs(water, **options): ...


def misplaced(size): ...


def injected_as_setting(*, water): ...


def nested_as_setting(*, backbone): ...


def typed(*, type): ...


def weighted(*, weight): ...


class Open:
    def __init__(self, *args): ...


class Inherited(Open): ...


OPEN = "but its signature is the schema of its settings. Name every setting, or take one `options: dict`."
KEY = "a key that YAML needs for something else. Rename it."


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (varargs, f"takes *args, {OPEN}"),
        (varkwargs, f"takes **options, {OPEN}"),
        (Open, f"takes *args, {OPEN}"),
        (
            Inherited,
            "has no `__init__` of its own, and the inherited one does not name the settings. Give the class an "
            "`__init__(self, *, setting: type = default)` that names every setting, or `__init__(self)` without any.",
        ),
        (
            misplaced,
            "takes 'size' before '*', where segkit supplies the values: only water, backbone may stand there. "
            "Put settings after '*'.",
        ),
        (
            injected_as_setting,
            "takes 'water' after '*', where settings stand, but segkit supplies it. Put it before '*'.",
        ),
        (
            nested_as_setting,
            "takes 'backbone' after '*', where settings stand, but segkit supplies it. Put it before '*'.",
        ),
        (typed, f"has a setting 'type', {KEY}"),
        (weighted, f"has a setting 'weight', {KEY}"),
    ],
)
def test_a_signature_that_is_no_schema_is_refused(registry, part, message):
    assert refused(registry.register("pot"), part) == f"{__name__}.{part.__name__}: tea pot 'pot' {message}"


@pytest.mark.parametrize("name", ["a b", "a/b", "", "-a", "ä"])
def test_a_name_that_no_config_can_use_is_refused(registry, name):
    assert refused(registry.register, name) == (
        f"{name!r} cannot be the name of a tea pot. Use letters, digits, '_', '-' and '.', such as 'my_name'; '/' "
        "separates a provider from a name."
    )


def test_a_decorator_without_a_name_is_refused(registry):
    remedy = "a tea pot is registered under a name. Write @TEA_POTS.register('my_name')."
    assert refused(registry.register, Open) == f"{__name__}.Open: {remedy}"
    assert refused(registry.register, 3) == f"3: {remedy}"


def test_a_built_part_is_no_part(registry):
    class Callable:
        def __call__(self): ...

    assert refused(registry.register("pot"), Callable()) == (
        f"{__name__}.test_a_built_part_is_no_part.<locals>.Callable: tea pot 'pot' is an instance of Callable, neither "
        "a class nor a function. Register what builds the part."
    )


def test_where_segkit_supplies_nothing_nothing_may_stand():
    message = refused(Registry("cup", "cups").register("pot"), misplaced)
    assert message.endswith("where segkit supplies the values: nothing may stand there. Put settings after '*'.")


def test_what_makes_nothing_is_refused(registry, install):
    install("acme-segkit", "number = acme_number:NUMBER\n", acme_number="NUMBER = 3\n")
    assert refused(registry.get, "number") == (
        "tea pot 'number' of acme-segkit 0.1 (acme_number:NUMBER) is 3, neither a class nor a function. "
        "Register what builds the part."
    )


def test_entry_points_are_loaded_when_named(registry, install):
    source = "class Pot:\n    '''A pot.'''\n    def __init__(self, water, *, size: int = 3): ...\n"
    install("acme-segkit", "pot = acme_pots.pot:Pot\nbroken = acme_pots.gone:Pot\n", acme_pots__pot=source)
    assert registry.names() == ["broken", "pot"]
    assert "acme_pots" not in sys.modules
    part = registry.get("pot")
    assert part.__name__ == "Pot"
    assert registry.get("acme-segkit/pot") is registry.get("Acme_Segkit/pot") is part


def test_a_package_may_register_and_declare_a_part(registry, install, monkeypatch):
    monkeypatch.setattr("segkit.registries.TEA_POTS", registry, raising=False)
    source = (
        "from segkit.registries import TEA_POTS\n\n@TEA_POTS.register('pot')\nclass Pot:\n    def __init__(self): ...\n"
    )
    install("acme-segkit", "pot = acme_pots:Pot\n", acme_pots=source)
    part = registry.get("pot")
    assert registry.get("pot") is part
    assert [entry.provider for entry in registry.entries()] == ["acme-segkit"]


def test_a_name_of_two_packages_is_settled_by_naming_the_package(registry, install):
    install("acme-segkit", "pot = acme_pots:pot\n", acme_pots="def pot(): ...\n")
    install("beta.segkit", "pot = beta_pots:pot\n", folder="other", beta_pots="def pot(): ...\n")
    assert refused(registry.get, "pot") == (
        "tea pot 'pot' is provided by acme-segkit 0.1 and beta-segkit 0.1. "
        "Choose one: 'acme-segkit/pot' or 'beta-segkit/pot'."
    )
    assert registry.get("beta-segkit/pot").__module__ == "beta_pots"


def test_a_name_of_segkit_s_own_is_settled_alike(tmp_path, monkeypatch):
    info = tmp_path / "acme_segkit-0.2.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[segkit.losses]\ndice = acme_losses:Dice\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert refused(LOSSES.get, "dice") == (
        "loss 'dice' is provided by segkit 0.1.0 and acme-segkit 0.2. Choose one: 'segkit/dice' or 'acme-segkit/dice'."
    )
    assert LOSSES.get("segkit/dice").__module__ == "segkit.losses.dice"


@pytest.mark.parametrize(
    ("source", "cause", "kind"),
    [
        ("import not_there_at_all\n", "ModuleNotFoundError: No module named 'not_there_at_all'", ModuleNotFoundError),
        ("", "AttributeError: module 'acme_pots' has no attribute 'Pot'", AttributeError),
        ("raise SystemExit('no\\nlicense')\n", "SystemExit: no license", SystemExit),
        ("1 / 0\n", "ZeroDivisionError: division by zero", ZeroDivisionError),
    ],
)
def test_a_package_that_fails_to_import_harms_only_its_user(registry, install, source, cause, kind):
    install(
        "acme-segkit", "pot = acme_pots:Pot\nfine = fine_pots:pot\n", acme_pots=source, fine_pots="def pot(): ...\n"
    )
    registry.get("fine")
    with pytest.raises(RegistryError) as caught:
        registry.get("pot")
    assert str(caught.value) == (
        f"tea pot 'pot' of acme-segkit 0.1 (acme_pots:Pot) fails to import: {cause}. Update or uninstall acme-segkit."
    )
    assert isinstance(caught.value.__cause__, kind)


def test_a_package_s_part_with_an_open_signature_is_refused_when_loaded(registry, install):
    install("acme-segkit", "pot = acme_pots:pot\n", acme_pots="def pot(**options): ...\n")
    assert refused(registry.get, "pot") == (f"tea pot 'pot' of acme-segkit 0.1 (acme_pots:pot) takes **options, {OPEN}")


def test_a_part_is_told_by_its_provider(registry, install):
    install("acme-segkit", "pot = acme_pots:Pot\n", acme_pots="")

    @registry.register("mine")
    def mine(): ...

    assert registry.identity("pot") == "tea pot 'pot' of acme-segkit 0.1 (acme_pots:Pot)"
    assert registry.identity("mine") == (
        f"tea pot 'mine' of test_registry.py ({__name__}:test_a_part_is_told_by_its_provider.<locals>.mine)"
    )
    assert LOSSES.identity("segkit/dice") == f"loss 'dice' of segkit {segkit.__version__} (segkit.losses.dice)"


def test_an_unreadable_list_of_entry_points_is_told(registry, install):
    install("acme-segkit", "no entry point\n")
    assert refused(registry.names).startswith(
        "the entry points of an installed package cannot be read: Source contains parsing errors: "
    )
    assert refused(registry.names).endswith(". Reinstall or remove that package.")


def test_entries_describe_parts_without_importing_them(registry, install):
    @registry.register("mine")
    def mine():
        """A pot of my own.

        With more to say.
        """

    install(
        "acme-segkit",
        "by_class = acme_pots.one:Pot\nby_module = acme_pots.two:Pot\nsilent = acme_pots.three:Pot\n"
        "package = acme_pots:Pot\n",
        acme_pots____init__='"""A package of pots."""\n',
        acme_pots__one='"""A module."""\n\nclass Pot:\n    """A class of pots."""\n',
        acme_pots__two='"""A module."""\n\nfrom x import Pot\n',
        acme_pots__three="",
    )
    described = {entry.name: (entry.provider, entry.version, entry.description) for entry in registry.entries()}
    assert described == {
        "by_class": ("acme-segkit", "0.1", "A class of pots."),
        "by_module": ("acme-segkit", "0.1", "A module."),
        "package": ("acme-segkit", "0.1", "A package of pots."),
        "silent": ("acme-segkit", "0.1", ""),
        "mine": ("test_registry.py", None, "A pot of my own."),
    }
    assert not [name for name in sys.modules if name.startswith("acme_pots")]


def test_entries_tell_what_will_fail_to_import_where_that_can_be_seen(registry, install):
    install(
        "acme-segkit",
        "a = gone_altogether:Pot\nb = acme_pots.gone:Pot\nc = acme_pots.wrong:Pot\nd = acme_pots.poor:Pot\n",
        acme_pots____init__="",
        acme_pots__wrong="x = (\n",
        acme_pots__poor="import os, sys\nfrom not_there.at import all_of_it\n",
    )
    assert [(entry.name, entry.defect) for entry in registry.entries()] == [
        ("a", "ModuleNotFoundError: No module named 'gone_altogether'"),
        ("b", "ModuleNotFoundError: No module named 'acme_pots.gone'"),
        ("c", "SyntaxError: '(' was never closed (wrong.py, line 1)"),
        ("d", "ModuleNotFoundError: No module named 'not_there'"),
    ]


def test_what_a_part_can_do_without_is_no_defect(registry, install):
    source = (
        "from __future__ import annotations\nfrom . import other\nfrom .other import thing\n"
        "try:\n    import not_there\nexcept ImportError:\n    pass\n\n\ndef pot():\n    import not_there_either\n"
    )
    install("acme-segkit", "pot = acme_pots.one:pot\n", acme_pots__one=source)
    assert [(entry.name, entry.defect) for entry in registry.entries()] == [("pot", "")]


def test_own_parts_have_a_description():
    entries = list(LOSSES.entries())
    assert Entry("loss", "dice", "segkit", "0.1.0", "Dice loss of masks (Milletari et al. 2016).", "") in entries
    assert all(
        entry.description for registry in REGISTRIES for entry in registry.entries() if entry.provider == "segkit"
    )


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_own_parts_are_described_by_their_own_docstrings(registry):
    listed = {entry.name: entry.description for entry in registry.entries() if entry.provider == "segkit"}
    assert listed == {name: first_line(registry.get(name).__doc__) for name in listed}


def test_listing_costs_milliseconds():
    for registry in REGISTRIES:
        registry.names()
    start = time.perf_counter()
    for registry in REGISTRIES:
        registry.names()
    assert time.perf_counter() - start < 0.05


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.plural)
def test_every_registry_has_a_documented_contract(registry):
    contract = registry.contract
    members = [
        vars(contract)[name] for name in sorted(vars(contract)) if name == "__call__" or not name.startswith("_")
    ]
    assert inspect.getdoc(contract)
    assert members
    assert all(inspect.getdoc(member) for member in members)
