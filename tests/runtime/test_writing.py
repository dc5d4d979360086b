"""Files and folders are replaced whole or not at all."""

import math
import os
import re

import pytest

from segkit.errors import WriteError
from segkit.runtime.writing import recover_folder, replace_file, replace_folder, require_folder, without_nan


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_only_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to(os.devnull)
    (tmp_path / "folder").mkdir()
    reasons = {
        "pipe": "it is a named pipe, not a file",
        "device": "it is a device, not a file",
        "folder": "Is a directory",
    }
    for name, reason in reasons.items():
        path = tmp_path / name
        with (
            pytest.raises(WriteError, match=f"^{re.escape(f'{path}: cannot be written ({reason}).')}$"),
            replace_file(path),
        ):
            raise AssertionError("not reached")


def test_a_link_that_leads_nowhere(tmp_path):
    link, loop = tmp_path / "link", tmp_path / "loop"
    link.symlink_to(tmp_path / "missing")
    loop.symlink_to(loop)
    with (
        pytest.raises(WriteError, match=r"link is a link that leads nowhere, not a folder\)\.$"),
        replace_file(link / "a"),
    ):
        raise AssertionError("not reached")
    with pytest.raises(WriteError, match=r"loop: cannot be written \(it is a link that leads to itself\)\.$"):
        recover_folder(loop)


def test_a_folder_that_can_be_made_or_not(tmp_path):
    (tmp_path / "file").touch()
    require_folder(tmp_path)
    require_folder(tmp_path / "a/b")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    for path in (tmp_path / "file", tmp_path / "file/a/b"):
        with pytest.raises(WriteError, match=r"/file is not a folder\)\.$"):
            require_folder(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_folder_that_may_only_be_read(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match=r" may not be written into\)\.$"):
        require_folder(tmp_path / "a")
    tmp_path.chmod(0o700)


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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o027, 0o640), (0o022, 0o644), (0o077, 0o600)])
def test_files_of_a_folder_have_the_permissions_of_the_umask(tmp_path, umask, mode):
    """Also those whose writer keeps them to their owner, as that of safetensors does."""
    earlier = os.umask(umask)
    try:
        with replace_folder(tmp_path / "checkpoint") as draft:
            (draft / "weights").touch(mode=0o600)
    finally:
        os.umask(earlier)
    assert (tmp_path / "checkpoint" / "weights").stat().st_mode & 0o777 == mode
