"""Packages that only some users need, each installed by one of segkit's extras."""

import importlib
from types import ModuleType

from segkit.errors import MissingExtraError


def import_extra(package: str, extra: str) -> ModuleType:
    """Imports a package of an extra.

    Raises:
        MissingExtraError: It is not installed.

    Example:
        >>> import_extra("no_such_package", "video")
        Traceback (most recent call last):
        segkit.errors.MissingExtraError: the package 'no_such_package' is missing. Install segkit's extra: pip install \
'segkit[video]'
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the package '{error.name}' is missing. Install segkit's extra: pip install 'segkit[{extra}]'"
        ) from error
