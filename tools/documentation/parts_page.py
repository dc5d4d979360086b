"""The page docs/parts.md: every kind of part with its contract, and every built-in part with its settings."""

import inspect
from collections.abc import Iterator

from documentation.markdown import HEADER, anchor, docstring, link, paragraph, settings_table, table
from segkit.config.descriptions import describe_part
from segkit.registries import REGISTRIES
from segkit.registries.members import members_of
from segkit.registries.registry import Registry

INTRODUCTION = """\
A config names a part by `type`; the other keys of its mapping are its settings. This page lists the parts of segkit.
Installed packages add parts of their own: `segkit list` shows all of them, and `segkit describe` prints the settings of
one. [Plugins](plugins.md) shows how to write a part. Each kind below begins with its contract, a Protocol in
`segkit.registries`: what a built part publishes and how it is called. Shapes are those of `segkit/types/`. segkit
supplies the parameters before `*` in the signature of a part; those after `*` are its settings."""


def parts_page() -> str:
    """Returns the page as Markdown."""
    contents = table(["kind", "parts"], ([link(_heading(one), _heading(one)), _names(one)] for one in REGISTRIES))
    blocks = [HEADER, "# Parts", INTRODUCTION, contents]
    for registry in REGISTRIES:
        blocks += _kind(registry)
        for name in own_names(registry):
            blocks += _part(registry, name)
    return "\n\n".join(blocks) + "\n"


def kind_links(page: str = "") -> dict[str, str]:
    """Returns links for the descriptions of settings that hold parts: `a backbone`, `a list of losses`."""
    links = {}
    for registry in REGISTRIES:
        for words in (registry.title_with_article, f"a list of {registry.plural_title}"):
            links[words] = link(words, _heading(registry), page)
    return links


def own_names(registry: Registry[object]) -> list[str]:
    """Returns the names of segkit's own parts."""
    return [candidate.name for candidate in registry.candidates() if candidate.own]


def _heading(registry: Registry[object]) -> str:
    return registry.plural_title.capitalize()


def _names(registry: Registry[object]) -> str:
    return ", ".join(f"[`{name}`](#{_anchor(registry, name)})" for name in own_names(registry))


def _anchor(registry: Registry[object], name: str) -> str:
    """Returns the anchor of a part's heading. Of several headings with the same text, the later ones are numbered."""
    before = sum(name in own_names(one) for one in REGISTRIES[: REGISTRIES.index(registry)])
    return f"{anchor(name)}-{before}" if before else anchor(name)


def _kind(registry: Registry[object]) -> Iterator[str]:
    contract = registry.contract
    yield f"## {_heading(registry)}"
    yield docstring(inspect.cleandoc(contract.__doc__ or ""))
    facts = [
        ("key of one part, of a list", f"`{registry.kind}`, `{registry.plural}`"),
        ("parameters before `*`", _codes(registry.supplied) if registry.supplied else "none"),
        ("entry points", f"`{registry.group}`"),
        ("contract", f"`segkit.registries.{contract.__name__}`"),
    ]
    yield "\n".join(f"* {name}: {value}" for name, value in facts)
    yield "The contract:"
    yield _members(contract, registry.kind)
    for optional in registry.optional:
        yield f"Optional, `segkit.registries.{optional.__name__}`:"
        yield docstring(inspect.cleandoc(optional.__doc__ or ""))
        yield _members(optional, registry.kind)


def _members(contract: type, kind: str) -> str:
    return "\n".join(f"* `{one.spelling}`: {paragraph(one.documentation)}" for one in members_of(contract, kind))


def _codes(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _part(registry: Registry[object], name: str) -> Iterator[str]:
    description = describe_part(registry, name)
    yield f"### `{name}`"
    yield docstring(description.documentation)
    if description.settings:
        yield settings_table(description.settings, kind_links())
    else:
        yield "It has no settings."
