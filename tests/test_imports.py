"""Imports run one way: each layer imports only those below it, without cycles."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import segkit

FOLDER = Path(segkit.__file__).parent
PARTS = (
    "backbones",
    "pixel_decoders",
    "transformer_decoders",
    "matchers",
    "losses",
    "postprocessors",
    "models",
    "datasets",
    "transforms",
    "evaluators",
    "optimizers",
    "schedules",
    "hooks",
)
FLOORS = (
    ("__init__", "types", "classes", "errors"),
    ("runtime", "registries", "ops", "layers"),
    ("data", "criterion", "results"),
    PARTS,
    ("config",),
    ("build", "checkpoint"),
    (
        "evaluation",
        "inference",
        "export",
        "interop",
        "checkpoint_formats",
        "inspection",
        "preparation",
        "starter",
        "testing",
    ),
    ("training", "video"),
    ("reports",),
    ("cli",),
    ("__main__",),
)
"""What lies directly in segkit/, lowest floor first. Each uses only its own floor and those before it."""


def modules() -> dict[str, Path]:
    """Dotted name, without `segkit.`, -> file."""
    found = {}
    for file in sorted(FOLDER.rglob("*.py")):
        parts = file.relative_to(FOLDER).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = file
    return found


MODULES = modules()


def imports_of(name: str) -> set[str]:
    """The modules of segkit that a module imports anywhere, in functions and for type checkers too."""
    imported = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively, which this test cannot follow"
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {_module(path) for path in imported if path.partition(".")[0] == "segkit"}


def _module(path: str) -> str:
    """The module that `segkit.a.b.thing` comes from."""
    inside = path.removeprefix("segkit").removeprefix(".")
    while inside and inside not in MODULES:
        inside = inside.rpartition(".")[0]
    return inside or "__init__"


IMPORTS = {name: imports_of(name) for name in MODULES}


def top(name: str) -> str:
    return name.partition(".")[0]


def test_everything_has_its_floor():
    placed = {name for floor in FLOORS for name in floor}
    assert {top(name) for name in MODULES} - placed == set()


# The package itself names the public things of all layers, and imports them only when they are used.
@pytest.mark.parametrize("name", [name for name in MODULES if name != "__init__"])
def test_a_module_uses_only_its_floor_and_those_before_it(name):
    floor_of = {inside: number for number, floor in enumerate(FLOORS) for inside in floor}
    above = {used for used in IMPORTS[name] if floor_of[top(used)] > floor_of[top(name)]}
    assert above == set()


def test_there_are_no_circles():
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for used in IMPORTS[name] - {"__init__", name}:
                visit(used, (*path, name))
            done.add(name)

    for name in MODULES:
        if name != "__init__":
            visit(name, ())


@pytest.mark.parametrize("folder", PARTS)
def test_parts_use_no_parts_of_other_kinds(folder):
    used = {used for name in MODULES if top(name) == folder for used in IMPORTS[name]}
    assert {one for one in used if top(one) in PARTS and top(one) != folder} == set()


def test_only_the_command_line_the_reports_and_the_public_names_use_training():
    users = {top(name) for name in MODULES for used in IMPORTS[name] if top(used) == "training"}
    assert users == {"training", "reports", "cli", "__init__"}


def test_no_module_imports_everything_of_another():
    for name, file in MODULES.items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert "*" not in [alias.name for alias in node.names], name


@pytest.mark.parametrize("program", ["import segkit", "import segkit; segkit.BACKBONES.names(); segkit.SegkitError"])
def test_importing_segkit_loads_neither_torch_nor_timm(program):
    check = "import sys; assert not {'torch', 'timm', 'numpy'} & set(sys.modules), 'too much is imported'"
    subprocess.run([sys.executable, "-c", f"{program}; {check}"], cwd=FOLDER.parent, check=True)


def test_every_public_name_is_there():
    for name in segkit.__all__:
        assert getattr(segkit, name) is not None
    assert set(segkit.__all__) <= set(dir(segkit))
    with pytest.raises(AttributeError, match=r"^module 'segkit' has no attribute 'bulid_model'$"):
        segkit.bulid_model  # noqa: B018


def test_the_version_is_that_of_the_package():
    assert f'version = "{segkit.__version__}"' in (FOLDER.parent / "pyproject.toml").read_text()
