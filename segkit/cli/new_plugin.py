"""Write a package for parts of your own: a backbone, a loss and a hook with a config, or one part of any kind."""

import argparse
import importlib.util
import keyword
import re
import shlex
from pathlib import Path
from string import Template

from segkit.cli._arguments import kind_of
from segkit.cli._part_template import PARTS, part_files
from segkit.cli._types import not_empty
from segkit.errors import SegkitError
from segkit.registries.discovery import normalized
from segkit.runtime.reading import read_utf8

TEMPLATE = Path(__file__).parent / "_template"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the name of the package for pip, such as acme-parts")
    parser.add_argument(
        "--kind",
        type=kind_of,
        choices=PARTS,
        metavar="KIND",
        help=f"write one part of this kind alone, with its test: {', '.join(PARTS)}",
    )
    parser.add_argument("--output", type=not_empty, metavar="DIR", help="the folder to create (default: ./NAME)")


def run(arguments: argparse.Namespace) -> int:
    check_name(arguments.name)
    folder = Path(arguments.output or arguments.name)
    files = plugin_files(arguments.name, arguments.kind)
    _write(folder, files)
    there = shlex.quote(str(folder))
    print(f"wrote {folder}: {', '.join(files)}")
    print("next:")
    print(f"  pip install -e {there}")
    print(f"  python -m pytest {there}")
    if arguments.kind is None:
        print(f"  segkit train {there}/configs/example.yaml")
    else:
        print(f"  segkit describe {arguments.kind}")
    return 0


def package_of(name: str) -> str:
    """Returns the name that Python imports: `acme_parts` for `acme-parts`."""
    return name.replace("-", "_")


def check_name(name: str) -> None:
    """Raises SegkitError if `name` is not a valid name, or the package would replace or hide another one."""
    package = package_of(name)
    if not NAME.fullmatch(name) or keyword.iskeyword(package):
        likely = normalized(name)
        suggestion = f" Did you mean '{likely}'?" if likely != name and NAME.fullmatch(likely) else ""
        raise SegkitError(
            f"'{name}' cannot be the name of a package.{suggestion} Use lower-case letters and digits, separated by "
            "single '-', beginning with a letter. It must not be a Python keyword."
        )
    holder = _module(package) or _distribution(name)
    if holder is not None:
        raise SegkitError(f"'{name}': the name is taken by {holder}. Choose another name.")


def _module(package: str) -> str | None:
    """Describes the module that `import package` already finds."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return None
    # A namespace package has folders, but no file; a built-in module has neither.
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
    return f"the module '{package}' ({', '.join(str(place) for place in places) or 'built in'})"


def _distribution(name: str) -> str | None:
    """Describes the installed package that pip would replace."""
    import importlib.metadata  # slow to import

    try:
        return f"the installed package {name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return None


def plugin_files(name: str, kind: str | None = None) -> dict[str, str]:
    """Returns the files of a plugin called `name`, with one part of a kind or the whole example.

    The names of its parts begin with the name of the package, without a leading `segkit_`.
    """
    package = package_of(name)
    words = {"name": name, "package": package, "prefix": package.removeprefix("segkit_")}
    if kind is not None:
        return part_files(words, kind)
    files = {}
    for source in sorted(TEMPLATE.rglob("*.template")):
        places = source.relative_to(TEMPLATE).with_suffix("").parts
        path = "/".join(package if place == "package" else place for place in places)
        files[path] = Template(read_utf8(source)).substitute(words)
    return files


def _write(folder: Path, files: dict[str, str]) -> None:
    if folder.exists():
        raise SegkitError(f"{folder}: already exists. Choose another --output, or remove it first.")
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SegkitError(f"{folder}: cannot be written ({error.strerror}). Choose another --output.") from error
