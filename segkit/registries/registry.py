"""A registry finds the parts of one kind by name: built-in parts, those of installed packages, and local files'.

Built-in parts stand one per file in the folder of their kind: `segkit/backbones/timm.py` registers `timm`. Parts of
other packages are found by entry point. A part is imported only when it is asked for by name.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

from segkit.errors import RegistryError, suggest, with_article
from segkit.registries.discovery import (
    Candidate,
    declared_candidates,
    normalized,
    own_candidates,
    summarize,
)
from segkit.registries.docstrings import first_line
from segkit.registries.signature import Part, check_signature, name_of

# Covariant: a Registry[Backbone] can be passed where a Registry[object] is expected.
P = TypeVar("P", covariant=True)
"""The contract of the built parts."""
T = TypeVar("T", bound=Part)


NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
"""The names that parts can be registered under."""


@dataclass(frozen=True)
class OuterSetting:
    """A setting in the mapping of a part that is read by what holds or builds the part, not by the part."""

    annotation: Any
    default: Any
    documentation: str


@dataclass(frozen=True)
class Entry:
    """One part in a listing."""

    kind: str
    name: str
    provider: str
    """`segkit`, a distribution or a file."""
    version: str | None
    description: str
    defect: str
    """Why the part cannot be imported, as far as this shows without importing it; else empty."""


class Registry(Generic[P]):
    """The parts of one kind.

    Args:
        kind: The singular name, as in YAML keys.
        plural: The name of the folder, of the entry-point group (`segkit.<plural>`) and of the YAML key of a list.
        contract: The Protocol of a built part.
        injected: The parameters before `*` that segkit supplies; a part takes those it needs.
        nests: The registries of built parts that a part may take before `*`, each under its kind. YAML configures them
            inside the part.
        composes: Whether a part may take a list of built parts of its own kind before `*`, under the plural.
        item_settings: Settings of each item that the holder of a list of these parts reads. A part may not use these
            names.
        common_settings: Settings of every part of this kind that segkit reads when it builds the part. A part may not
            use these names either.
        optional: Protocols of what a built part may publish besides.
        base: The class, by its full name, that a built part is an instance of; None = any.

    Example:
        >>> from segkit import LOSSES
        >>> "dice" in LOSSES.names()
        True
        >>> LOSSES.get("dice").__name__
        'Dice'
    """

    def __init__(
        self,
        kind: str,
        plural: str,
        contract: type = object,
        *,
        injected: tuple[str, ...] = (),
        nests: tuple["Registry[object]", ...] = (),
        composes: bool = False,
        item_settings: Mapping[str, OuterSetting] | None = None,
        common_settings: Mapping[str, OuterSetting] | None = None,
        optional: tuple[type, ...] = (),
        base: str | None = None,
    ) -> None:
        self.kind = kind
        self.plural = plural
        self.contract = contract
        self.group = f"segkit.{plural}"
        self.injected = injected
        self.nests = {registry.kind: registry for registry in nests}
        self.composes = composes
        self.item_settings = dict(item_settings or {})
        self.common_settings = dict(common_settings or {})
        self.optional = optional
        self.base = base
        self._registered: dict[Candidate, Part] = {}

    @property
    def title(self) -> str:
        """The kind in words: `pixel decoder`."""
        return self.kind.replace("_", " ")

    @property
    def plural_title(self) -> str:
        """The plural in words: `pixel decoders`."""
        return self.plural.replace("_", " ")

    @property
    def title_with_article(self) -> str:
        """`a pixel decoder`."""
        return with_article(self.title)

    @property
    def supplied(self) -> list[str]:
        """The parameters that a part may take before `*`."""
        return [*self.injected, *self.nests, *([self.plural] if self.composes else [])]

    @property
    def outer_settings(self) -> dict[str, OuterSetting]:
        """The settings in the mapping of a part that are not passed to the part."""
        return {**self.common_settings, **self.item_settings}

    def register(self, name: str) -> Callable[[T], T]:
        """Returns a decorator that registers a class or function under `name`.

        Running the same definition again replaces the part.

        Raises:
            RegistryError: the name is not one, another part of the same provider has it, or the signature is not a
                schema.
        """
        self._check_name(name)

        def decorate(part: T) -> T:
            self._check_signature(f"{name_of(part)}: {self.title} '{name}'", part)
            candidate = _local_candidate(name, part)
            for other, holder in self._registered.items():
                # The same full name is the same definition, run again, for example in a notebook.
                if other.qualified == candidate.qualified and name_of(holder) != name_of(part):
                    raise RegistryError(
                        f"{name_of(part)}: {self.title} '{name}' is already registered by {name_of(holder)}. "
                        "Choose another name."
                    )
            self._registered[candidate] = part
            return part

        return decorate

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Forgets all registered parts within a `with` block, for tests that register parts of their own."""
        registered, self._registered = self._registered, {}
        try:
            yield
        finally:
            self._registered = registered

    def names(self) -> list[str]:
        """Returns all names, sorted, without importing any part."""
        return sorted({candidate.name for candidate in self.candidates()})

    def get(self, name: str) -> Callable[..., P]:
        """Returns the part called `name`, or `provider/name` where several packages provide that name.

        Raises:
            RegistryError: there is no such part, several packages claim the name, the package fails to import, or the
                part's signature is not a schema.
        """
        return self._load(self.candidate(name))

    def identity(self, name: str) -> str:
        """Returns what `get(name)` returns, in words: `loss 'tversky' of acme-parts 0.1 (acme.losses:Tversky)`.

        Raises:
            RegistryError: as `candidate` does.
        """
        return self._identity(self.candidate(name))

    def candidate(self, name: str) -> Candidate:
        """Returns who provides the part called `name`, without importing it.

        Raises:
            RegistryError: there is no such part, or several packages claim the name.
        """
        provider, _, short = name.rpartition("/")
        found = [candidate for candidate in self.candidates() if candidate.name == short]
        if provider:
            found = [candidate for candidate in found if normalized(candidate.provider) == normalized(provider)]
        if not found:
            raise RegistryError(self._unknown(name))
        if len(found) > 1:
            labels = " and ".join(candidate.label for candidate in found)
            choices = " or ".join(f"'{candidate.qualified}'" for candidate in found)
            raise RegistryError(f"{self.title} '{name}' is provided by {labels}. Choose one: {choices}.")
        return found[0]

    def candidates(self) -> list[Candidate]:
        """Returns all claims to names: built-in parts, entry points, and parts registered at run time."""
        own = own_candidates(self.plural)
        declared = sorted(declared_candidates(self.group))
        # A package may both declare a part and register it: that is one claim.
        known = {(candidate.name, candidate.package) for candidate in (*own, *declared)}
        local = [candidate for candidate in self._registered if (candidate.name, candidate.package) not in known]
        return [*own, *declared, *sorted(local)]

    def entries(self) -> Iterator[Entry]:
        """Yields all parts, built-in ones first, without importing any."""
        for candidate in self.candidates():
            if candidate in self._registered and not candidate.own:
                description, defect = first_line(self._registered[candidate].__doc__ or ""), ""
            else:
                summary = summarize(candidate)
                description, defect = summary.description, summary.defect
            yield Entry(self.kind, candidate.name, candidate.provider, candidate.version, description, defect)

    def _load(self, candidate: Candidate) -> Part:
        if candidate in self._registered:
            return self._registered[candidate]
        try:
            module = importlib.import_module(candidate.module)
            if candidate.attribute is None:
                return self._own_part(candidate)
            part: Part = attrgetter(candidate.attribute)(module)
        # Importing runs a package's code, which may raise anything or even call sys.exit.
        except (Exception, SystemExit) as cause:
            if candidate.own and not isinstance(cause, ImportError):
                raise  # a bug in segkit: its traceback is wanted
            remedy = "Install what it needs" if candidate.own else f"Update or uninstall {candidate.provider}"
            raise RegistryError(
                f"{self._identity(candidate)} fails to import: {type(cause).__name__}: "
                f"{' '.join(str(cause).split())}. {remedy}."
            ) from cause
        self._check_signature(self._identity(candidate), part)
        self._registered[candidate] = part
        return part

    def _own_part(self, candidate: Candidate) -> Part:
        # The decorator registered the part as another Candidate, with its class as `attribute`, so the name is
        # compared.
        for registered, part in self._registered.items():
            if registered.own and registered.name == candidate.name:
                return part
        raise AssertionError(f"{candidate.module} registers no {self.title} '{candidate.name}', the name of its file")

    def _identity(self, candidate: Candidate) -> str:
        return f"{self.title} '{candidate.name}' of {candidate.label} ({candidate.target})"

    def _unknown(self, name: str) -> str:
        candidates = self.candidates()
        if not candidates:
            return f"there is no {self.title} '{name}', and no other {self.title} either."
        listed = ", ".join(one.name if one.own else f"{one.name} ({one.label})" for one in candidates)
        near = suggest(name, [spelling for one in candidates for spelling in (one.name, one.qualified)])
        return f"there is no {self.title} '{name}'.{near} There are: {listed}"

    def _check_name(self, name: object) -> None:
        if not isinstance(name, str):  # `@register` without brackets gets the decorated class as its name
            what = name_of(name) if callable(name) else repr(name)
            raise RegistryError(
                f"{what}: {self.title_with_article} is registered under a name. Write "
                f"@{self.plural.upper()}.register('my_name')."
            )
        if not re.fullmatch(NAME, name):
            raise RegistryError(
                f"{name!r} cannot be the name of {self.title_with_article}. Use letters, digits, '_', '-' and '.', "
                "such as 'my_name'; '/' separates a provider from a name."
            )

    def _check_signature(self, who: str, part: Part) -> None:
        check_signature(who, part, injected=self.supplied, reserved=("type", *self.outer_settings))


def _local_candidate(name: str, part: Part) -> Candidate:
    """A part that registers itself: segkit provides it if it lies in segkit's package, else the file it stands in."""
    if part.__module__.startswith("segkit."):
        return Candidate(name, "segkit", None, part.__module__, part.__qualname__)
    file = getattr(sys.modules.get(part.__module__), "__file__", None)
    provider = Path(file).name if file else part.__module__
    return Candidate(name, provider, None, part.__module__, part.__qualname__)
