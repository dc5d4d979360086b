"""Warnings of datasets are noted, and shown as without that."""

import warnings

import pytest

from segkit.data.data_warnings import caught_warnings, is_about_data, noted_warnings
from segkit.errors import DataError, DataWarning


def warn(text="labels: not read: 1 file."):
    warnings.warn(text, stacklevel=1)


def noted(*given):
    with noted_warnings() as texts:
        for one in given:
            if isinstance(one, DataError):
                raise one
            warn(one)
    return texts


def test_each_text_is_noted_once_also_where_it_was_shown_before():
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"^labels: not read$"):
            texts = noted("labels: not read", "labels: not read", DataWarning("a.json: 2 boxes.", ["annotations[3]"]))
        assert texts == ["labels: not read", "a.json: 2 boxes."]


def test_warnings_are_shown_also_where_an_error_ends_the_block():
    with pytest.warns(UserWarning, match="not read"), pytest.raises(DataError):
        noted("labels: not read", DataError("a.json: broken."))


def test_other_warnings_are_shown_and_not_noted():
    with pytest.warns(DeprecationWarning, match="old"):
        assert noted(DeprecationWarning("old")) == []


def test_what_is_hidden_of_pillow_stays_hidden():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        with caught_warnings() as caught:
            warnings.warn_explicit("Corrupt EXIF data", UserWarning, "PIL/Image.py", 7, module="PIL.Image")
            warn()
    assert [is_about_data(one) for one in caught] == [True]
