"""Class lists in text files, in the forms that annotation tools write.

Each form has a reader. A reader returns None for lines of another form, and only reads what its form makes certain. A
file of no form must hold one name per line, and a line that looks like anything but a name is refused: a class called
`# label:color_rgb`, or a heading that shifts all ids by one, would train a wrong model without a word.
"""

import csv
import re
from collections.abc import Callable, Iterator

from segkit.errors import counted

Line = tuple[int, str]
"""(number from 1, text without surrounding blanks)."""

Entries = list[object]
"""Categories as JSON holds them: `{name, id, isthing, isvoid, color}`."""


class NotANameError(ValueError):
    """A line is no class name. The text says which and why."""

    def __init__(self, line: Line, reason: str) -> None:
        number, text = line
        super().__init__(f"line {number}, '{text[:60]}', is no class name: {reason}.")


def entries_of(text: str) -> Entries:
    """Returns the categories that a text file lists, none for an empty file.

    Raises:
        NotANameError: a line fits no form.

    Example:
        >>> entries_of("# label:color_rgb:parts:actions\\nroad:128,64,128::\\n")
        [{'name': 'road', 'color': ['128', '64', '128']}]
        >>> entries_of("Pixel Value, Class\\n0, road\\n")
        [{'name': 'road', 'id': '0'}]
        >>> entries_of("7: road\\n26: car\\n")
        [{'name': 'road', 'id': '7'}, {'name': 'car', 'id': '26'}]
    """
    lines = list(_lines(text))
    if not lines:
        return []
    forms: tuple[Callable[[list[Line]], Entries | None], ...] = (_cvat, _table, _numbered, _with_ids, _labelme)
    for form in forms:
        entries = form(lines)
        if entries is not None:
            return entries
    return _names(lines)


def _lines(text: str) -> Iterator[Line]:
    """Yields the lines that are neither blank nor comments."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        text = line.strip()
        if text and not re.fullmatch(r"#+(\s.*)?", text):
            yield number, text


def _cvat(lines: list[Line]) -> Entries | None:
    """CVAT's labelmap.txt: `label:color_rgb:parts:actions`."""
    # A name with a colon is certain where a color follows.
    forms = (r"([^:]+):(\d+,\d+,\d+)?:[^:]*:[^:]*", r"(.+):(\d+,\d+,\d+):[^:]*:[^:]*")
    rows = [re.fullmatch(forms[0], text) or re.fullmatch(forms[1], text) for _, text in lines]
    if not all(rows):
        return None
    found = [row.groups() for row in rows if row]
    return [{"name": name, "color": color.split(",")} if color else {"name": name} for name, color in found]


_NAMES = ("name", "class name", "label name", "category name", "category", "label", "class")
_IDS = ("id", "idx", "index", "pixel value", "value", "class id", "label id", "category id", "class index")
_COLORS = (("r", "g", "b"), ("red", "green", "blue"))


def _table(lines: list[Line]) -> Entries | None:
    """A table whose first line names the columns, as Roboflow's _classes.csv and ADE20K's objectInfo150.txt."""
    heading = lines[0][1]
    delimiter = next((one for one in "\t;," if one in heading), None)
    columns = [cell.lower().replace("_", " ") for cell in _cells(heading, delimiter)]
    known = {*_NAMES, *_IDS, "isthing", "isvoid", *_COLORS[0], *_COLORS[1]}
    name = next((column for column in _NAMES if column in columns), None)
    # Several columns with known headings make a table certain, and so do tabs.
    if name is None or delimiter is None or (len(set(columns) & known) < 2 and delimiter != "\t"):
        return None
    keys = {"name": name, "id": next((one for one in _IDS if one in columns), "")}
    keys |= {flag: flag for flag in ("isthing", "isvoid")}
    colors = next((three for three in _COLORS if set(three) <= set(columns)), ())
    entries: Entries = []
    for line in lines[1:]:
        cells = _cells(line[1], delimiter)
        if len(cells) != len(columns):
            raise NotANameError(line, f"it has {counted(cells, 'column')}, but the heading has {len(columns)}")
        row = dict(zip(columns, cells, strict=True))
        entry: dict[str, object] = {key: row[column] for key, column in keys.items() if column in row}
        # An empty cell says nothing of a class; an empty id would let another one be guessed.
        entry = {key: cell for key, cell in entry.items() if cell or key in ("name", "id")}
        if any(row[column] for column in colors):
            entry["color"] = [row[column] for column in colors]
        _check_name((line[0], row[name]))
        entries.append(entry)
    return entries


def _cells(text: str, delimiter: str | None) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter or ",", skipinitialspace=True))]


_NUMBERED = r"(\d+)(?:\s*[:;,=|\t]\s*|[.)]?\s+|[.)](?=\D))(.*\S)"
_ENDS_IN_ID = r"(.*\S)\s*[:;,=|\t]\s*(\d+)"

_MAY_BEGIN_WITH_ID = r"(?:0[xX][\da-fA-F]+|\d+(?:[eE]\d+)?)(?!\.\d)[\W_]\s*(?P<name>.*\S)"
_MAY_END_IN_ID = r"(?P<name>.*\S)\s+[(\[]?\d+[)\]]?"


def _numbered(lines: list[Line]) -> Entries | None:
    """An id before each name, as in `0: road`, `0 road` and `0,road`."""
    rows = [re.fullmatch(_NUMBERED, text) for _, text in lines]
    # One line such as `2 wheeler` may be a name.
    if not all(rows) or (len(rows) == 1 and lines[0][1].split()[0] not in ("0", "0:", "1:")):
        return None
    return _identified(lines, [(row[2], row[1]) for row in rows if row])


def _with_ids(lines: list[Line]) -> Entries | None:
    """An id behind each name, as in `road: 0` and `road,0`."""
    rows = [re.fullmatch(_ENDS_IN_ID, text) for _, text in lines]
    return _identified(lines, [(row[1], row[2]) for row in rows if row]) if all(rows) else None


def _identified(lines: list[Line], pairs: list[tuple[str, str]]) -> Entries:
    for (number, _), (name, _) in zip(lines, pairs, strict=True):
        _check_name((number, name))
    return [{"name": name, "id": stored} for name, stored in pairs]


def _labelme(lines: list[Line]) -> Entries | None:
    """labelme's labels.txt: `__ignore__` stands for void, which has no id, and `_background_` is class 0."""
    return _names(lines[1:]) if lines[0][1] == "__ignore__" else None


def _names(lines: list[Line]) -> Entries:
    """One name per line."""
    numbered = [(place, row) for place, line in enumerate(lines) if (row := re.fullmatch(_NUMBERED, line[1]))]
    for place, row in numbered:
        # One line such as `2 wheeler` may be a name, but hardly where its number is 0 or its own place in the list.
        if len(numbered) > 1 or (row[1].lstrip("0") or "0") in ("0", str(place)):
            raise NotANameError(lines[place], "it begins with a number, but other lines do not")
    for form, reason in (
        (_MAY_BEGIN_WITH_ID, "it may begin with an id. Write 'id: name', or leave out the numbers"),
        (_MAY_END_IN_ID, "it may end in an id. Write 'name: id', or leave out the numbers"),
    ):
        found = [match for _, text in lines if (match := re.fullmatch(form, text))]
        # Names such as `lane 1` and `lane 2` differ in the number alone.
        if len(lines) > 1 and len(found) == len(lines) == len({match["name"] for match in found}):
            raise NotANameError(lines[0], reason)
    if len(lines) == 1 and set(",|") & set(lines[0][1]):
        raise NotANameError(lines[0], "it may list several. Write each on a line of its own")
    for number, line in enumerate(lines):
        _check_name(line)
        _check_name(line, _NO_NAMES_ALONE)
        if number == 0 and len(lines) > 1 and line[1].lower() in {*_NAMES, "names", "classes", "labels", "categories"}:
            raise NotANameError(line, "it looks like a heading. Remove it")
    return [{"name": text} for _, text in lines]


_NUMBER = r"\d+(?:\.\d+)?"

_NO_NAMES = (
    (r"", "it is empty"),
    (r"version https://git-lfs\..*", "the file is a pointer of Git LFS. Fetch its content with 'git lfs pull'"),
    (r"\d+", "it is a number"),
    (
        rf"{_NUMBER}\s+{_NUMBER}\s.*",
        "it begins with several numbers, as of a color. Write a table with a heading such as 'r,g,b,name'",
    ),
    (
        rf".*\s{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}",
        "it ends in several numbers, as of a color. Write a table with a heading such as 'id,name,r,g,b'",
    ),
    (r"#.*|.*\s#.*|//.*", "it looks like a comment. Begin a line of comment with '# '"),
    (r".*#[\da-fA-F]{6,8}", "it ends in a color. Write a table with a heading such as 'name,r,g,b'"),
    (r".*[\t;=|].*", "it holds a tab, ';', '=' or '|'"),
    (r".*\d\s*,\s*\d.*", "it holds a list of numbers"),
    (r"\d+\s*[:,].*", "it begins with a number, but other lines do not"),
    (r"[-.*_~]+", "it holds no letter"),
    (r"-+ .*|.*->.*|.*://.*|[\[\]{}<\"'].*|.*[:,{}\[>\"]", "it looks like a part of JSON, YAML, XML or code"),
    (r"__.*__", "it is a mark of labelme, and only '__ignore__' in the first line is known"),
    (r".{201,}", "it has more than 200 characters"),
)
"""Regular expression of a whole line -> why it is no name."""

_NO_NAMES_ALONE = (
    (r"(?:0[xX][\da-fA-F]+|[+-]\d+)[\s:,].*", "it begins with a number, but other lines do not"),
    (
        rf"(?i:(?:names?|nc|{'|'.join((*_NAMES, *_IDS))})[ _]?\d*\s*:.*)|(?:\w+\s*:\s*\S+\s+)+\w+\s*:.*",
        "it looks like a value with its key. Write names alone, or 'id: name'",
    ),
    (r".*\S\s*[:,]\s*\d+", "it ends in a number, but other lines do not"),
)
"""The same for lines that have nothing but the name, so that they hold no id."""

_JOINERS = "\u200c\u200d"
"""They cannot be seen, but names in Persian and Hindi need them."""


def _check_name(line: Line, forms: tuple[tuple[str, str], ...] = _NO_NAMES) -> None:
    text = line[1]
    for pattern, reason in forms:
        if re.fullmatch(pattern, text):
            raise NotANameError(line, reason)
    if not re.sub(f"(?<=.)[{_JOINERS}](?=.)", "", text).isprintable():
        raise NotANameError(line, "it holds characters that cannot be printed")
