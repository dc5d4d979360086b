"""Sequences of numbered images."""

import re
from pathlib import Path

from segkit.errors import DataError
from segkit.video.sources import NUMBER


def numbered_images(pattern: str) -> list[Path]:
    """Returns the files of a sequence, such as `frames/frame_%04d.png`, in the order of their numbers.

    Raises:
        DataError: There are none, numbers between them are missing, or two have the same.

    Example:
        >>> numbered_images("no_such_folder/%d.png")
        Traceback (most recent call last):
        segkit.errors.DataError: no_such_folder/%d.png: there are no such images.
    """
    folder, name = Path(pattern).parent, Path(pattern).name
    found = NUMBER.search(name)
    assert found is not None, "only then is it a sequence"
    digits = rf"\d{{{int(found[1])},}}" if found[1] else r"\d+"
    like = re.compile(re.escape(name[: found.start()]) + f"({digits})" + re.escape(name[found.end() :]))
    numbers: dict[int, Path] = {}
    for file in folder.glob("*"):
        match = like.fullmatch(file.name)
        if match and numbers.setdefault(int(match[1]), file) != file:
            names = " and ".join(sorted((file.name, numbers[int(match[1])].name)))
            raise DataError(f"{pattern}: {names} have one number. Remove or rename one of them.")
    if not numbers:
        raise DataError(f"{pattern}: there are no such images.")
    missing = next(number for number in range(min(numbers), max(numbers) + 2) if number not in numbers)
    if missing <= max(numbers):
        raise DataError(
            f"{pattern}: number {missing} is missing between {min(numbers)} and {max(numbers)}. "
            "Number the images without gaps."
        )
    return [numbers[number] for number in sorted(numbers)]
