"""The packages of the extra `export`."""

import importlib
from types import ModuleType

from segkit.errors import ExportError


def require_package(name: str) -> ModuleType:
    """Imports a package of the extra `export`.

    Raises:
        ExportError: It is not installed.

    Example:
        >>> require_package("no_such_package")
        Traceback (most recent call last):
        segkit.errors.ExportError: the package 'no_such_package' is missing. Install segkit's extra: pip install \
'segkit[export]'
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ExportError(
            f"the package '{error.name}' is missing. Install segkit's extra: pip install 'segkit[export]'"
        ) from error
