"""Packages of extras."""

import sys

import pytest

from segkit.errors import MissingExtraError
from segkit.runtime.extras import import_extra


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError) as error:
        import_extra("onnxruntime", "export")
    assert str(error.value) == (
        "the package 'onnxruntime' is missing. Install segkit's extra: pip install 'segkit[export]'"
    )
