"""Imports Python files that register parts: the key `plugins:` and the option `--plugin`."""

import importlib
import importlib.util
import os
import sys
import traceback

from segkit.config.compose import require_file
from segkit.config.nodes import (
    COMMAND_LINE,
    Mapping,
    Node,
    Origin,
    Problem,
    Scalar,
    Sequence,
    config_error,
    problem,
    problems_of,
)
from segkit.errors import ConfigError


def with_plugins(config: Mapping, files: list[str]) -> Mapping:
    """Adds `files`, relative to the working directory, to the plugins of a config and makes all paths absolute.

    In a config, a plugin's path is relative to the file that names it. With absolute paths, the resolved config can be
    moved to the folder of a run. A file replaces the plugin of the same path, and a foreign plugin of the same file
    name: on another machine, the path that a run recorded may not exist, and one name can be imported only once.
    """
    node = config.items.get("plugins", Sequence([], COMMAND_LINE))
    if not isinstance(node, Sequence):
        return config  # the check will report it
    paths = list(dict.fromkeys(os.path.abspath(file) for file in files))
    items: list[Node] = [_absolute(item) for item in node.items]
    items = [item for item in items if not any(_replaces(file, item) for file in paths)]
    items += [Scalar(path, COMMAND_LINE) for path in paths]
    if not items:
        return config
    plugins = Sequence(items, node.origin)
    key = config.keys.get("plugins", COMMAND_LINE)
    return Mapping({**config.items, "plugins": plugins}, config.origin, {**config.keys, "plugins": key})


def _replaces(file: str, item: Node) -> bool:
    if not isinstance(item, Scalar) or not isinstance(item.value, str):
        return False
    return item.value == file or (item.origin.foreign and os.path.basename(item.value) == os.path.basename(file))


def _absolute(node: Node) -> Node:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    return Scalar(os.path.abspath(os.path.join(node.origin.folder, os.path.expanduser(node.value))), node.origin)


def run_plugins(config: Mapping, trust: bool = False) -> None:
    """Imports the plugins that a config names, each once per process. Raises ConfigError for those that fail.

    Without `trust`, foreign plugins are refused, and nothing is imported.
    """
    node = config.items.get("plugins")
    items = node.items if isinstance(node, Sequence) else []
    if not trust:
        _refuse_foreign(items)
    problems: list[Problem] = []
    cause: BaseException | None = None
    for index, item in enumerate(items):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            try:
                run_plugin(item.value, item.origin, f"plugins.{index}")
            except ConfigError as error:
                problems += problems_of(error)
                # One traceback can be shown, that of the last failure.
                cause = error.__cause__
    if problems:
        raise config_error(problems) from cause


def _refuse_foreign(items: list[Node]) -> None:
    problems = [
        Problem(
            item.origin,
            f"plugins.{index}",
            f"the folder asks to run the Python file {item.value}, which can do anything with your files. Read it; if "
            f"you trust it, add --plugin {item.value}, or --trust for all files (from Python: trust=True).",
        )
        for index, item in enumerate(items)
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.origin.foreign
    ]
    if problems:
        raise config_error(problems)


def run_plugin(file: str, origin: Origin, path: str) -> None:
    """Imports `file` as a module named like the file, from its folder, which is added to the import path.

    The worker processes of a data loader import the classes they receive by this name. Raises ConfigError.
    """
    require_file(file, origin, path)
    name, ending = os.path.splitext(os.path.basename(file))
    if ending != ".py":
        raise problem(origin, path, f"{file} is not a Python file. Name a file that ends in '.py'.")
    if not name.isidentifier():
        raise problem(origin, path, f"{file} has a name that cannot be imported. Use only letters, digits and '_'.")
    if os.path.dirname(file) not in sys.path:
        # At the end: files beside the plugin must not hide installed packages.
        sys.path.append(os.path.dirname(file))
    # Python remembers the contents of folders, and would miss a file that has just been written.
    importlib.invalidate_caches()
    # Another module of this name would be imported instead of the file.
    found = _file_of(name)
    if found is None or not os.path.samefile(found, file):
        raise problem(origin, path, f"there is another module '{name}' ({found or 'built in'}). Rename {file}.")
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as cause:
        text = f"{type(cause).__name__}: {cause}".rstrip(".: ")
        raise problem(origin, path, f"{file}{_line_of(cause, file)} raises {text}. Fix the file.") from cause


def _file_of(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # a module that was not imported, such as __main__
        return None
    return spec.origin if spec is not None and spec.has_location else None


def _line_of(error: BaseException, file: str) -> str:
    """Returns `, line 3,`: where in `file` the error was raised."""
    if isinstance(error, SyntaxError):
        return ""  # its text contains the line
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f", line {lines[-1]}," if lines else ""
