"""Reads docstrings: of parts, of their parameters and of the fields of config sections."""

import ast
import inspect
import itertools
import re
import textwrap

from segkit.registries.signature import Part, parameters

ENTRY = re.compile(r"(?P<indent> *)(?P<names>\*{0,2}\w+(?:, \w+)*)(?: \([^)]*\))?: (?P<text>\S.*)")
"""`    name, other: text`, as Google style writes parameters; a type in brackets may follow the names."""


def summary_of(part: Part) -> str:
    """Returns the summary line of a part; of its module where the part has no docstring."""
    return first_line(text_of(part) or getattr(inspect.getmodule(part), "__doc__", None) or "")


def first_line(docstring: str) -> str:
    """Returns the summary line of a docstring."""
    return docstring.strip().partition("\n")[0].strip()


def text_of(part: Part) -> str:
    """Returns the docstring of a part without the entries of its parameters."""
    lines = _docstrings(part)[0].splitlines()
    # Only names of parameters begin an entry: other lines of the text have a colon too.
    known = {parameter.name for parameter in parameters(part)}
    kept, inside = [], None  # inside: the indentation of the entry that is being skipped
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if inside is not None and line.strip() and indent > inside:
            continue
        inside = indent if line.strip() == "Args:" or _names(line, known) else None
        if inside is None:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def parameter_texts(part: Part) -> dict[str, str]:
    """Returns the documentation of each parameter, from the `Args:` of a class, its `__init__` or a function."""
    known = {parameter.name for parameter in parameters(part)}
    texts: dict[str, str] = {}
    for docstring in _docstrings(part):
        lines = docstring.splitlines()
        for index, line in enumerate(lines):
            names = _names(line, known)
            if names:
                texts |= dict.fromkeys(names, _entry(lines[index:]))
    return texts


def field_texts(section: type) -> dict[str, str]:
    """Returns the docstring below each field of a dataclass, as one line."""
    # Python keeps no docstrings of fields, so they are read from the source.
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    assert isinstance(body, ast.ClassDef), "a dataclass is a class"
    texts = {}
    for field, below in itertools.pairwise(body.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            texts[field.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return texts


def _docstrings(part: Part) -> list[str]:
    """The docstrings of a part and, for a class, of its `__init__`, without their indentation."""
    sources = [part, part.__init__] if inspect.isclass(part) else [part]
    return [inspect.cleandoc(source.__doc__ or "") for source in sources]


def _names(line: str, known: set[str]) -> list[str]:
    """The parameters whose documentation begins in `line`."""
    match = ENTRY.fullmatch(line)
    names = match["names"].split(", ") if match else []
    return names if set(names) <= known else []


def _entry(lines: list[str]) -> str:
    """The documentation that begins in the first line, joined with the lines indented below it."""
    first = ENTRY.fullmatch(lines[0])
    assert first is not None, "an entry begins in the first line"
    words = [first["text"]]
    for line in lines[1:]:
        if not line.strip() or len(line) - len(line.lstrip()) <= len(first["indent"]):
            break
        words.append(line.strip())
    return " ".join(words)
