"""Maps the classes of several sources to one list, by name."""

from segkit.classes import Classes
from segkit.errors import DataError, join_first


def same_classes(first: Classes, other: Classes, places: tuple[str, str], remedy: str) -> list[int]:
    """Returns, for each class index of `other`, the class index of the same name in `first`.

    Args:
        first: The class list that counts.
        other: A list of the same names, in any order.
        places: What has the two lists, for messages.
        remedy: What to do about lists that differ.

    Raises:
        DataError: the names differ.

    Example:
        >>> same_classes(Classes.make(["cat", "dog"]), Classes.make(["dog", "cat"]), ("a.json", "b.json"), "Map them.")
        [1, 0]
    """
    differences = [
        f"only {place} has {join_first([f'{name!r}' for name in names])}"
        for place, names in (
            (places[1], [name for name in other.names if name not in first.names]),
            (places[0], [name for name in first.names if name not in other.names]),
        )
        if names
    ]
    if differences:
        raise DataError(f"{places[1]}: its classes are not those of {places[0]}: {'; '.join(differences)}. {remedy}")
    return [first.index(name) for name in other.names]
