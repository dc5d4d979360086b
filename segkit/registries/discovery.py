"""Finds parts without importing them: the files of segkit's own folders, and installed entry points."""

import ast
import configparser
import importlib.util
import pkgutil
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import entrypoints

from segkit import __version__
from segkit.errors import RegistryError
from segkit.registries.docstrings import first_line
from segkit.runtime.reading import read_bytes


@dataclass(frozen=True, order=True)
class Candidate:
    """One provider's claim to a name."""

    name: str
    provider: str
    """`segkit`, the name of a distribution, or the name of the file that registered the part."""
    version: str | None
    """The version of the distribution; None for a file."""
    module: str
    attribute: str | None = None
    """The part's name in its module; None if the module registers the part on import."""

    @property
    def own(self) -> bool:
        return self.provider == "segkit"

    @property
    def label(self) -> str:
        """`acme-segkit 0.1`."""
        return f"{self.provider} {self.version}" if self.version else self.provider

    @property
    def target(self) -> str:
        """`acme_segkit.fpn:AcmeFPN`, as in an entry point."""
        return f"{self.module}:{self.attribute}" if self.attribute else self.module

    @property
    def package(self) -> str:
        """The top-level package that holds the part."""
        return self.module.partition(".")[0]

    @property
    def qualified(self) -> str:
        """`provider/name`, which is unique."""
        return f"{self.provider}/{self.name}"


def normalized(distribution: str) -> str:
    """Returns a distribution's name as pip spells it (PEP 503): `acme-segkit` for a folder named `acme_segkit`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@cache
def own_candidates(plural: str) -> tuple[Candidate, ...]:
    """Returns the built-in parts of a kind: one per file of its folder, without importing any."""
    folder = str(Path(__file__).parents[1] / plural)
    names = sorted(module.name for module in pkgutil.iter_modules([folder]) if not module.name.startswith("_"))
    return tuple(Candidate(name, "segkit", __version__, f"segkit.{plural}.{name}") for name in names)


def declared_candidates(group: str) -> tuple[Candidate, ...]:
    """Returns the entry points that installed packages declare in `group`, read once per process and import path."""
    # The path is part of the cache's key: a package that becomes importable later is found.
    return _scan(group, tuple(sys.path))


@cache
def _scan(group: str, path: tuple[str, ...]) -> tuple[Candidate, ...]:
    try:
        points = entrypoints.get_group_all(group, path=list(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise RegistryError(
            f"the entry points of an installed package cannot be read: {' '.join(str(error).split())}. "
            "Reinstall or remove that package."
        ) from error
    return tuple(
        Candidate(
            point.name,
            normalized(point.distro.name),
            point.distro.version or _version(point.distro.name),
            point.module_name,
            point.object_name,
        )
        for point in points
    )


def _version(distribution: str) -> str | None:
    """The version of an editable install: the name of its metadata folder may lack it."""
    import importlib.metadata  # slow to import and seldom needed

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Summary:
    """What the source of a part shows without importing it."""

    description: str = ""
    defect: str = ""
    """Why importing it will fail, as far as the source shows; else empty."""


def summarize(candidate: Candidate) -> Summary:
    """Reads the source file of a part. A part without a readable file has an empty summary."""
    try:
        file = _source_file(candidate.module)
    except ModuleNotFoundError as error:
        return Summary(defect=f"ModuleNotFoundError: {error}")
    if file is None or file.suffix != ".py":
        return Summary()
    try:
        module = ast.parse(read_bytes(file))
    except SyntaxError as error:
        return Summary(defect=f"SyntaxError: {error.msg} ({file.name}, line {error.lineno})")
    description = first_line(_docstring_of(module, candidate) or ast.get_docstring(module) or "")
    missing = next((name for name in _imported(module) if not _exists(name)), None)
    return Summary(description, f"ModuleNotFoundError: No module named '{missing}'" if missing else "")


def _docstring_of(module: ast.Module, candidate: Candidate) -> str | None:
    """Returns the docstring of the class or function that is the part."""
    for node in module.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        # Built-in parts have no attribute: they are found by the decorator that registers them.
        if node.name == candidate.attribute or (candidate.attribute is None and _registers(node, candidate.name)):
            return ast.get_docstring(node)
    return None


def _registers(node: ast.ClassDef | ast.FunctionDef, name: str) -> bool:
    """Returns whether a decorator such as `@LOSSES.register("dice")` registers `node` under `name`."""
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "register"
        and isinstance(call.args[0], ast.Constant)
        and call.args[0].value == name
        for call in node.decorator_list
        if isinstance(call, ast.Call) and call.args
    )


def _imported(module: ast.Module) -> list[str]:
    """The packages that `module` imports unconditionally. Imports under a condition may be optional."""
    names: list[str] = []
    for node in module.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return [name.partition(".")[0] for name in names]


def _exists(package: str) -> bool:
    # find_spec fails for a module without a spec, such as `__main__`, so loaded modules are asked first.
    return package in sys.modules or importlib.util.find_spec(package) is not None


def _source_file(module: str) -> Path | None:
    """The file of `module`, found without importing its packages, which `importlib.util.find_spec` would do.

    None for a module without a file (a namespace package, a built-in module).

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    package, *inner = module.split(".")
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named '{package}'")
    if not inner:
        return Path(spec.origin) if spec.has_location and spec.origin else None
    for folder in spec.submodule_search_locations or ():
        stem = Path(folder).joinpath(*inner)
        # The pattern also finds compiled modules, such as `part.cpython-312-x86_64-linux-gnu.so`.
        for file in (stem / "__init__.py", *sorted(stem.parent.glob(f"{stem.name}.*"))):
            if file.is_file():
                return file
        if stem.is_dir():  # a namespace package
            return None
    raise ModuleNotFoundError(f"No module named '{module}'")
