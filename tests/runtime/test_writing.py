"""Files and folders are replaced whole or not at all."""

import math

import pytest

from segkit.runtime.writing import replace_file, replace_folder, without_nan


def test_a_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    for text in ("first", "second"):
        with replace_file(path) as draft:
            draft.write_text(text)
            assert not path.exists() or path.read_text() == "first"
    assert path.read_text() == "second"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_a_file_survives_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("first")

    def write():
        with replace_file(path) as draft:
            draft.write_text("sec")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write()
    assert path.read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_at_the_end(tmp_path):
    folder = tmp_path / "checkpoint"
    for name in ("first", "second"):
        with replace_folder(folder) as draft:
            (draft / name).touch()
    assert [file.name for file in folder.iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_folder_survives_an_error(tmp_path):
    folder = tmp_path / "checkpoint"
    (folder / "first").mkdir(parents=True)

    def write():
        with replace_folder(folder) as draft:
            (draft / "second").touch()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write()
    assert [file.name for file in folder.iterdir()] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_what_a_killed_process_left_is_cleared(tmp_path):
    (tmp_path / "checkpoint.writing" / "left").mkdir(parents=True)
    with replace_folder(tmp_path / "checkpoint") as draft:
        (draft / "new").touch()
    assert [file.name for file in (tmp_path / "checkpoint").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_nan_becomes_none_at_any_depth():
    nan = math.nan
    assert without_nan({"a": nan, "b": {"c": nan, "d": 1.5}, "e": [nan, "x", None]}) == {
        "a": None,
        "b": {"c": None, "d": 1.5},
        "e": [None, "x", None],
    }
