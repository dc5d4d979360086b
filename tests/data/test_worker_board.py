"""The memory in which loading processes write what they work on."""

import errno

import pytest

from segkit.data import worker_board
from segkit.data.worker_board import WorkerBoard
from segkit.errors import DataError


def _no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_room_in_shared_memory_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setattr(worker_board, "RawArray", _no_room)
    with pytest.raises(
        DataError, match=r"^there is no shared memory for 2 loading processes \(No space left on device\). "
    ):
        WorkerBoard(2)


def test_loading_without_other_processes_needs_no_shared_memory(monkeypatch):
    monkeypatch.setattr(worker_board, "RawArray", _no_room)
    assert WorkerBoard(0).loading() == {}
