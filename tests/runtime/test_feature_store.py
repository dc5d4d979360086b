"""Features on disk: what is damaged, left behind or too much, and several processes in one folder."""

import os
import time
import warnings

import pytest
import torch

from segkit.errors import WriteError
from segkit.runtime.feature_store import FeatureStore

MAPS = [torch.randn(1, 4, 6, 5), torch.randn(1, 8, 3, 2).bfloat16(), torch.randn(1, 2, 1, 1)]


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features", "name", 10**6)


def files_of(store):
    return sorted(path for path in store.folder.rglob("*") if path.is_file())


def test_what_is_read_is_what_was_written_rounded_and_of_the_same_types(store):
    assert store.read("ab") is None
    store.write("ab", MAPS * 4)  # more than ten: they are not sorted as text
    read = store.read("ab")
    assert [one.dtype for one in read] == [one.dtype for one in MAPS * 4]
    assert all(one.equal(before.bfloat16().to(one.dtype)) for one, before in zip(read, MAPS * 4, strict=True))
    assert store.in_words() == f"{store.folder}: 1 of 2 found (50 %)"


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "folder"])
def test_what_is_damaged_counts_as_missing_and_is_written_anew(store, damage):
    store.write("ab", MAPS)
    (file,) = files_of(store)
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[-1] ^= 1
    file.write_bytes({"cut": content[:-1], "empty": b""}.get(damage, content))
    if damage == "folder":
        file.unlink()
        file.mkdir()
        assert store.read("ab") is None
        return
    assert store.read("ab") is None
    store.write("ab", MAPS)
    assert store.read("ab") is not None


def test_stores_share_a_folder_and_its_room(tmp_path):
    first, second = (FeatureStore(tmp_path, name, 3000) for name in ("first", "second"))
    large = [torch.zeros(1000)]  # 2000 bytes and a little more
    first.write("ab", large)
    assert second.read("ab") is None
    with pytest.warns(UserWarning, match="all that it may") as warned:
        second.write("ab", large)
    assert [str(one.message) for one in warned] == [
        f"hook 'feature_cache': {tmp_path}: holds 3e-06 GB, all that it may (max_gigabytes). What is not in it is "
        "computed anew each time. Raise max_gigabytes, or remove folders in it that are no longer needed."
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second.write("cd", large)
    assert len(files_of(first)) == 1


def test_what_a_killed_process_has_left_behind_is_removed_in_time(store):
    folder = store.folder / "name" / "ab"
    folder.mkdir(parents=True)
    old, new = (folder / f"ab.features.{name}.writing" for name in ("old", "new"))
    for file in (old, new):
        file.write_bytes(b"x")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    store.write("cd", MAPS)
    assert not old.exists()
    assert new.exists(), "another process may still write it"


def test_a_folder_that_cannot_be_made_is_refused_and_a_full_disk_ends_no_training(store, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="is not a folder"):
        FeatureStore(tmp_path / "file", "name", 100)

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        store.write("ab", MAPS)
    assert files_of(store) == []
