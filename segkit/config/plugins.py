"""Python files that register parts: the key `plugins:` and the flag `--plugin`."""

import importlib
import importlib.util
import os
import sys
import traceback

from segkit.config.compose import require_file
from segkit.config.nodes import COMMAND_LINE, Mapping, Node, Origin, Problem, ProblemsError, Scalar, Sequence, problem


def with_plugins(config: Mapping, files: list[str]) -> Mapping:
    """`config` with `files` (relative to the working directory) added to its plugins, and all of them absolute.

    A plugin's path is relative to the file that names it; made absolute, the resolved config can lie anywhere.
    """
    node = config.items.get("plugins", Sequence([], COMMAND_LINE))
    if not isinstance(node, Sequence):
        return config  # wrong, which the check will say
    items: list[Node] = [*node.items, *(Scalar(os.path.abspath(file), COMMAND_LINE) for file in files)]
    if not items:
        return config
    plugins = Sequence([_absolute(item) for item in items], node.origin)
    key = config.keys.get("plugins", COMMAND_LINE)
    return Mapping({**config.items, "plugins": plugins}, config.origin, {**config.keys, "plugins": key})


def _absolute(node: Node) -> Node:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    return Scalar(os.path.abspath(os.path.join(node.origin.folder, os.path.expanduser(node.value))), node.origin)


def run_plugins(config: Mapping) -> None:
    """Executes the plugins a config names, each once per process. Raises ConfigError for those that fail."""
    node = config.items.get("plugins")
    problems: list[Problem] = []
    cause: BaseException | None = None
    for index, item in enumerate(node.items if isinstance(node, Sequence) else []):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            try:
                run_plugin(item.value, item.origin, f"plugins.{index}")
            except ProblemsError as error:
                problems += error.problems
                cause = error.__cause__
    if problems:
        raise ProblemsError(problems) from cause


def run_plugin(file: str, origin: Origin, path: str) -> None:
    """Imports `file` as a module of its own name, its folder added to the import path.

    So named, it is found again by the loader's worker processes, which import anew the classes they are sent.
    """
    require_file(file, origin, path)
    name, ending = os.path.splitext(os.path.basename(file))
    if ending != ".py":
        raise problem(origin, path, f"{file} is no Python file: a plugin's name ends in '.py'. Rename it.")
    if not name.isidentifier():
        raise problem(origin, path, f"{file} cannot be imported under its name. Use letters, digits and '_' only.")
    if os.path.dirname(file) not in sys.path:
        sys.path.append(os.path.dirname(file))
    importlib.invalidate_caches()
    found = _file_of(name)
    if found is None or not os.path.samefile(found, file):
        raise problem(origin, path, f"another module is called '{name}' ({found or 'built in'}). Rename {file}.")
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as cause:
        text = f"{type(cause).__name__}: {cause}".rstrip(".: ")
        raise problem(origin, path, f"{file}{_line_of(cause, file)} fails: {text}. Mend it.") from cause


def _file_of(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # a module that is no import, such as __main__
        return None
    return spec.origin if spec is not None and spec.has_location else None


def _line_of(error: BaseException, file: str) -> str:
    """`, line 3`: where in `file` the error arose."""
    if isinstance(error, SyntaxError):
        return ""  # it says so itself
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f", line {lines[-1]}," if lines else ""
