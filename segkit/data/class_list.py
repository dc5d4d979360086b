"""Class lists read from files, and checked."""

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from segkit.classes import Classes
from segkit.data.categories import classes_of, read_json_classes, structured_classes
from segkit.data.class_lines import NotANameError, entries_of
from segkit.data.class_names import check_names, is_void
from segkit.data.json_values import Convert, as_integer
from segkit.data.problems import Problems
from segkit.data.text import read_text
from segkit.data.yaml_values import read_yaml
from segkit.errors import DataError, counted

_FORMS = (
    "These forms are read: one name per line; numbered lines such as '0: road' or 'road: 0'; a table with a heading "
    "such as 'Pixel Value, Class' or 'name,r,g,b'; CVAT's labelmap.txt; labelme's labels.txt; YOLO's data.yaml; JSON "
    "with a list of names, of categories (name, id, isthing, isvoid, color), id2label or label2id."
)


_LOOKS_LIKE_JSON = re.compile(r"""\s*[\[{]\s*["\[{\]}]""")
"""How a list or a mapping begins; a heading such as `[classes]` does not."""


def read_classes(path: Path, as_stored: Convert[int] = as_integer) -> Classes:
    """Reads a class list. Classes are stuff unless the file says otherwise.

    * JSON, by `segkit.data.categories.read_json_classes`, and YAML of the same structure, as YOLO's data.yaml.
    * Any other file, by `segkit.data.class_lines.entries_of`: one name per line, or a form that annotation tools write.

    Args:
        path: The file.
        as_stored: Converts the ids, those of void as well; raises a `NotThisError` for ids that have no use.

    Raises:
        DataError: the file cannot be read, is empty, a line is no name, or `check_classes` finds a problem.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "classes.json"
        ...     _ = file.write_text('[{"name": "road", "id": 7}, {"name": "car", "id": 26, "isthing": 1}]')
        ...     classes = read_classes(file)
        >>> classes.names, classes.things, classes.ids
        (('road', 'car'), (False, True), (7, 26))
    """
    text = read_text(path, "a class list")
    if path.suffix.lower() == ".json" or _LOOKS_LIKE_JSON.match(text):
        classes = read_json_classes(path, as_stored)
    elif path.suffix.lower() in (".yaml", ".yml"):
        classes = structured_classes(read_yaml(text, path), path, as_stored)
    else:
        classes = _text_classes(text, path, as_stored)
    check_classes(classes, str(path))
    return classes


def listed_classes(names: Sequence[str], where: str, first_id: int = 0) -> Classes:
    """Returns the classes of names that a config lists, all stuff, checked as those of a file.

    Args:
        names: The names.
        where: Starts the messages.
        first_id: The id of the first; the next ones follow.

    Raises:
        DataError: there is none, or `check_classes` finds a problem.

    Example:
        >>> listed_classes(["road", "car"], "classes", first_id=1).ids
        (1, 2)
    """
    if not names:
        raise DataError(f"{where}: the list is empty. Name the classes, or a file that lists them.")
    problems = Problems(Path(where))
    void = [name for name in names if is_void(name)]
    if void:
        warnings.warn(
            f"{where}: '{void[0]}' is a class like the others here: it is learned and evaluated. If it stands for "
            f"void, map its id to void, or list it with 'isvoid' 1 in a file.",
            stacklevel=4,
        )
    entries: list[object] = [{"name": name, "id": id, "isvoid": 0} for id, name in enumerate(names, first_id)]
    classes = classes_of(entries, "the list", problems, required=(), things=False)
    problems.raise_any()
    check_classes(classes, where)
    return classes


def check_classes(classes: Classes, where: str) -> None:
    """Checks that names are names, that names and ids are unique, and that every class has a color.

    Raises:
        DataError: the message starts with `where`.
    """
    check_names(classes.names, where)
    check_unique(classes.names, "name", where)
    check_unique(classes.ids, "id", where)
    for name, stored in zip(classes.names, classes.ids, strict=True):
        if stored in classes.void:
            raise DataError(f"{where}: {stored} is the id of '{name}' and that of void. Change one of them.")
    if len(classes.colors) < len(classes):
        raise DataError(
            f"{where}: {counted(classes.colors, 'color')} for {counted(classes, 'class')}. Give every class "
            "a color, or none."
        )


def check_unique(values: Sequence[object], what: str, where: str) -> None:
    """Checks that all classes have different names or ids.

    Raises:
        DataError: the message starts with `where`.
    """
    repeated = sorted(str(value) for value, count in Counter(values).items() if count > 1)
    if repeated:
        raise DataError(
            f"{where}: several classes have the {what} {', '.join(repeated)}. Give each class its own {what}."
        )


def _text_classes(text: str, path: Path, as_stored: Convert[int]) -> Classes:
    try:
        entries = entries_of(text)
    except NotANameError as error:
        raise DataError(f"{path}: {error} {_FORMS}") from None
    if not entries:
        raise DataError(f"{path}: the class list is empty. {_FORMS}")
    problems = Problems(path)
    classes = classes_of(entries, "class", problems, required=(), things=False, as_stored=as_stored)
    problems.raise_any()
    return classes
