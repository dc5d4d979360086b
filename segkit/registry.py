"""A registry finds the parts of one kind by name: segkit's own, installed packages' and local files'.

segkit's own parts live one per file in the folder named like the kind (`segkit/backbones/timm.py` registers
`timm`); other packages' are found by entry point. Both are imported only when asked for by name.
"""

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any, TypeVar

import entrypoints

from segkit.errors import RegistryError, suggest

Part = Callable[..., Any]
T = TypeVar("T", bound=Part)


class Registry:
    """The parts of one kind.

    `kind` is the singular, as YAML keys spell it; `plural` names the folder and the entry-point group
    (`segkit.<plural>`); `wired` are the parameters the builder may supply, those a part takes before `*`.
    """

    def __init__(self, kind: str, plural: str, wired: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.plural = plural
        self.group = f"segkit.{plural}"
        self.wired = wired
        self._registered: dict[str, Part] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: makes a class or function known as `name`; a second holder of a name is an error."""

        def decorate(part: T) -> T:
            holder = self._registered.get(name)
            if holder is not None and (holder.__module__, holder.__qualname__) != (part.__module__, part.__qualname__):
                raise RegistryError(
                    f"{part.__module__}.{part.__qualname__}: {self.kind} '{name}' is already registered by "
                    f"{holder.__module__}.{holder.__qualname__}. Choose another name."
                )
            self._refuse_open_signature(name, part)
            self._registered[name] = part
            return part

        return decorate

    def _refuse_open_signature(self, name: str, part: Part) -> None:
        for parameter in inspect.signature(part).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise RegistryError(
                    f"{part.__module__}.{part.__qualname__}: {self.kind} '{name}' takes *{parameter.name}, but its "
                    "signature is the schema of its settings. Name every setting, or take one `options: dict`."
                )

    def _own(self) -> list[str]:
        package = importlib.util.find_spec(self.group)
        if package is None or package.submodule_search_locations is None:
            return []
        return sorted(m.name for m in pkgutil.iter_modules(package.submodule_search_locations) if m.name[0] != "_")

    def names(self) -> list[str]:
        """All names, sorted, without importing any part."""
        points = entrypoints.get_group_all(self.group)
        return sorted({*self._registered, *self._own(), *(point.name for point in points)})

    def get(self, name: str) -> Part:
        """The part called `name`.

        Raises RegistryError where there is none, where its package fails to import, or where two packages claim it.
        """
        if name in self._registered:
            return self._registered[name]
        if name in self._own():
            importlib.import_module(f"{self.group}.{name}")
            return self._registered[name]
        points = [point for point in entrypoints.get_group_all(self.group) if point.name == name]
        if not points:
            raise RegistryError(
                f"there is no {self.kind} '{name}'.{suggest(name, self.names())} There are: {', '.join(self.names())}"
            )
        part: Part = points[0].load()
        return part
