"""A registry finds the parts of one kind by name: segkit's own, installed packages' and local files'.

segkit's own parts live one per file in the folder named like the kind (`segkit/backbones/timm.py` registers
`timm`); other packages' are found by entry point. Both are imported only when asked for by name.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from segkit.errors import RegistryError, suggest
from segkit.registries.discovery import (
    Candidate,
    declared_candidates,
    first_line,
    normalized,
    own_candidates,
    summarize,
)
from segkit.registries.signature import Part, after_star, before_star, name_of, parameters

T = TypeVar("T", bound=Part)


@dataclass(frozen=True)
class ItemSetting:
    """A key beside a part's own settings that the holder of a list of such parts reads."""

    annotation: Any
    default: Any
    documentation: str


@dataclass(frozen=True)
class Entry:
    """What a listing says of one part."""

    kind: str
    name: str
    provider: str
    """`segkit`, a distribution or a file."""
    version: str | None
    description: str
    defect: str
    """Why it cannot be imported, where that is known; else empty."""


class Registry:
    """The parts of one kind.

    Args:
        kind: the singular, as YAML keys spell it.
        plural: names the folder, the entry-point group (`segkit.<plural>`) and the YAML key of a list.
        injected: the parameters the builder may supply, those a part takes before `*`.
        nests: the registries of the built parts a part may take before `*`, under their kind; YAML configures them
            inside the part.
        item_settings: what the holder of a list of these parts reads itself from each item, by name; no setting of a
            part may be called so.
    """

    def __init__(
        self,
        kind: str,
        plural: str,
        injected: tuple[str, ...] = (),
        *,
        nests: tuple["Registry", ...] = (),
        item_settings: Mapping[str, ItemSetting] | None = None,
    ) -> None:
        self.kind = kind
        self.plural = plural
        self.group = f"segkit.{plural}"
        self.injected = injected
        self.nests = {registry.kind: registry for registry in nests}
        self.item_settings = dict(item_settings or {})
        self._registered: dict[Candidate, Part] = {}

    @property
    def title(self) -> str:
        """The kind in words: `pixel decoder`."""
        return self.kind.replace("_", " ")

    @property
    def many(self) -> str:
        """`pixel decoders`."""
        return self.plural.replace("_", " ")

    @property
    def one(self) -> str:
        """`a pixel decoder`."""
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.title}"

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: makes a class or function known as `name`.

        Raises RegistryError where the same provider has registered another part of that name, and where the
        signature is no schema. Running the same definition again replaces it.
        """

        def decorate(part: T) -> T:
            candidate = _local_candidate(name, part)
            for held, holder in self._registered.items():
                if held.qualified == candidate.qualified and name_of(holder) != name_of(part):
                    raise RegistryError(
                        f"{name_of(part)}: {self.title} '{name}' is already registered by {name_of(holder)}. "
                        "Choose another name."
                    )
            self._check_signature(f"{name_of(part)}: {self.title} '{name}'", part)
            self._registered[candidate] = part
            return part

        return decorate

    def names(self) -> list[str]:
        """All names, sorted, without importing any part."""
        return sorted({candidate.name for candidate in self.candidates()})

    def get(self, name: str) -> Part:
        """The part called `name`, or `provider/name` where several provide one of that name.

        Raises RegistryError where there is none, where two packages claim it, where its package fails to import, or
        where its signature is no schema.
        """
        return self._load(self.candidate(name))

    def identity(self, name: str) -> str:
        """Which part `get(name)` gives, for messages: `tea pot 'samovar' of acme-parts 0.1 (acme_parts.tea:Samovar)`.

        Raises RegistryError as `candidate` does.
        """
        return self._identity(self.candidate(name))

    def _identity(self, candidate: Candidate) -> str:
        return f"{self.title} '{candidate.name}' of {candidate.label} ({candidate.target})"

    def candidate(self, name: str) -> Candidate:
        """Who provides the part called `name`, without importing it. Raises RegistryError as `get` does."""
        provider, _, short = name.rpartition("/")
        found = [candidate for candidate in self.candidates() if candidate.name == short]
        if provider:
            found = [candidate for candidate in found if normalized(candidate.provider) == normalized(provider)]
        if not found:
            raise RegistryError(self._unknown(name))
        if len(found) > 1:
            labels = " and ".join(candidate.label for candidate in found)
            choices = " or ".join(f"'{candidate.qualified}'" for candidate in found)
            raise RegistryError(f"{self.title} '{name}' is provided by {labels}. Say which: {choices}.")
        return found[0]

    def entries(self) -> Iterator[Entry]:
        """What there is, segkit's own first, without importing any part."""
        for candidate in self.candidates():
            if candidate in self._registered and not candidate.own:
                description, defect = first_line(self._registered[candidate].__doc__ or ""), ""
            else:
                summary = summarize(candidate)
                description, defect = summary.description, summary.defect
            yield Entry(self.kind, candidate.name, candidate.provider, candidate.version, description, defect)

    def candidates(self) -> list[Candidate]:
        """All claims to names: segkit's own, packages', and what was registered at run time."""
        own = own_candidates(self.plural)
        declared = sorted(declared_candidates(self.group))
        # A package may declare a part and register it as well: that is one claim.
        known = {(candidate.name, candidate.module.partition(".")[0]) for candidate in (*own, *declared)}
        local = [
            candidate
            for candidate in self._registered
            if (candidate.name, candidate.module.partition(".")[0]) not in known
        ]
        return [*own, *declared, *sorted(local)]

    def _load(self, candidate: Candidate) -> Part:
        if candidate in self._registered:
            return self._registered[candidate]
        try:
            module = importlib.import_module(candidate.module)
            if candidate.attribute is None:
                return self._own_part(candidate)
            part: Part = attrgetter(candidate.attribute)(module)
        except (Exception, SystemExit) as cause:
            if candidate.own and not isinstance(cause, ImportError):
                raise  # a fault of segkit's, whose traceback is wanted
            remedy = "Install what it needs" if candidate.own else f"Update or uninstall {candidate.provider}"
            raise RegistryError(
                f"{self._identity(candidate)} fails to import: {type(cause).__name__}: {' '.join(str(cause).split())}. "
                f"{remedy}."
            ) from cause
        self._check_signature(self._identity(candidate), part)
        self._registered[candidate] = part
        return part

    def _own_part(self, candidate: Candidate) -> Part:
        for held, part in self._registered.items():
            if held.own and held.name == candidate.name:
                return part
        raise AssertionError(f"{candidate.module} registers no {self.title} '{candidate.name}', the name of its file")

    def _unknown(self, name: str) -> str:
        candidates = self.candidates()
        if not candidates:
            return f"there is no {self.title} '{name}', nor any other."
        listed = ", ".join(
            candidate.name if candidate.own else f"{candidate.name} ({candidate.label})" for candidate in candidates
        )
        near = suggest(
            name, [spelling for candidate in candidates for spelling in (candidate.name, candidate.qualified)]
        )
        return f"there is no {self.title} '{name}'.{near} There are: {listed}"

    def _check_signature(self, who: str, part: Part) -> None:
        """Refuses what could not be checked against YAML, or what nobody would supply."""
        if not callable(part):
            raise RegistryError(f"{who} is {part!r}, neither a class nor a function. Name one that makes the part.")
        taken = parameters(part)
        for parameter in taken:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                inherits = inspect.isclass(part) and "__init__" not in vars(part)
                remedy = (
                    "Give the class an `__init__` of its own, which names every setting or none."
                    if inherits
                    else "Name every setting, or take one `options: dict`."
                )
                raise RegistryError(
                    f"{who} takes {str(parameter).partition(':')[0]}, but its signature is the schema of its settings. "
                    f"{remedy}"
                )
        supplied = (*self.injected, *self.nests)
        for parameter_name in before_star(part):
            if parameter_name not in supplied:
                may = f"only {', '.join(supplied)} may stand there" if supplied else "nothing may stand there"
                raise RegistryError(
                    f"{who} takes '{parameter_name}' before '*', where segkit supplies the values: {may}. "
                    "Put settings behind '*'."
                )
        for parameter_name in after_star(part):
            if parameter_name in supplied:
                raise RegistryError(
                    f"{who} takes '{parameter_name}' behind '*', where settings stand; segkit supplies it. "
                    "Put it before '*'."
                )
            if parameter_name == "type" or parameter_name in self.item_settings:
                raise RegistryError(
                    f"{who} has a setting '{parameter_name}', a key that YAML needs for something else. Rename it."
                )


def _local_candidate(name: str, part: Part) -> Candidate:
    """The claim of a part that registers itself: segkit's own by the package it lies in, others' by their file."""
    if part.__module__.startswith("segkit."):
        return Candidate(name, "segkit", None, part.__module__, part.__qualname__)
    file = getattr(sys.modules.get(part.__module__), "__file__", None)
    provider = Path(file).name if file else part.__module__
    return Candidate(name, provider, None, part.__module__, part.__qualname__)
