"""Class lists read from files, and checked."""

from pathlib import Path

from segkit.classes import Classes
from segkit.data.categories import read_json_classes
from segkit.errors import DataError

_FORMATS = (
    "Give a JSON list of names or of categories (name, id, isthing, color), alone or as 'classes' or 'categories' of a "
    "mapping, or a text file with one name per line."
)


def read_classes(path: Path) -> Classes:
    """Reads a class list. Classes are stuff unless the file says otherwise.

    * JSON, by `segkit.data.categories.read_json_classes`: a list of names; or a list of categories
      `{name, id, isthing, color}`, of which only `name` is required; or a mapping that holds such a list as `classes`
      or `categories`, and optionally the colors as `palette`.
    * Any other file: one name per line; or a table with tabs whose first line names the columns, with `Name` and
      optionally `Idx`, the id (as in ADE20K's objectInfo150.txt).

    Raises:
        DataError: the file cannot be read, is empty, or `check_classes` finds a problem.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "classes.json"
        ...     _ = file.write_text('[{"name": "road", "id": 7}, {"name": "car", "id": 26, "isthing": 1}]')
        ...     classes = read_classes(file)
        >>> classes.names, classes.things, classes.ids
        (('road', 'car'), (False, True), (7, 26))
    """
    if path.suffix.lower() == ".json":
        classes = read_json_classes(path)
        check_classes(classes, str(path))
        return classes
    try:
        entries = _from_text(path.read_text(encoding="utf-8"))
        names = [str(entry["name"]).strip() for entry in entries]
        ids = [int(entry.get("id", number)) for number, entry in enumerate(entries)]
        classes = Classes.make(names, [False] * len(names), None, ids)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot read a class list ({type(error).__name__}: {error}). {_FORMATS}") from None
    if not names:
        raise DataError(f"{path}: the class list is empty. {_FORMATS}")
    check_classes(classes, str(path))
    return classes


def check_classes(classes: Classes, where: str) -> None:
    """Checks that names and ids are unique and that every class has a color.

    Raises:
        DataError: the message starts with `where`.
    """
    for what, values in (("name", classes.names), ("id", classes.ids)):
        repeated = sorted({str(value) for value in values if values.count(value) > 1})
        if repeated:
            raise DataError(
                f"{where}: several classes have the {what} {', '.join(repeated)}. Give each class its own {what}."
            )
    if len(classes.colors) < len(classes):
        raise DataError(
            f"{where}: {len(classes.colors)} colors for {len(classes)} classes. Give every class a color, or none."
        )


def _from_text(text: str) -> list[dict[str, str]]:
    """Returns the categories of a table, or of a file with one name per line."""
    lines = [line for line in text.splitlines() if line.strip()]
    columns = [column.strip().lower() for column in lines[0].split("\t")] if lines else []
    if len(columns) == 1 or not columns:
        return [{"name": line} for line in lines]
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]
    return [{"name": row["name"]} | ({"id": row["idx"]} if "idx" in row else {}) for row in rows]
