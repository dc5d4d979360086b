"""A folder is locked by one process, until that process ends."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from segkit.errors import WriteError
from segkit.runtime.locking import FolderTakenError, lock_folder

HOLDER = """
import os, sys, time, multiprocessing
from pathlib import Path
from segkit.runtime.locking import lock_folder
def live():
    print(os.getpid(), flush=True)
    time.sleep(60)

with lock_folder(Path(sys.argv[1])):
    if len(sys.argv) > 2:
        multiprocessing.get_context("fork").Process(target=live).start()
    else:
        print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Starts processes that hold the lock of a folder."""
    started = []

    def start(*words):
        process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path, *words], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_the_holder_is_named(tmp_path, holder):
    process, _ = holder()
    with pytest.raises(FolderTakenError) as caught, lock_folder(tmp_path):
        pass
    since = json.loads((tmp_path / ".lock").read_text())["since"]
    assert str(caught.value) == (
        f"{tmp_path}: another process is using this folder: process {process.pid} on {os.uname().nodename} since "
        f"{since}."
    )


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_holder_that_cannot_be_read_is_not_named(tmp_path, holder, content):
    holder()
    (tmp_path / ".lock").write_text(content)
    with pytest.raises(FolderTakenError) as caught, lock_folder(tmp_path):
        pass
    assert str(caught.value) == f"{tmp_path}: another process is using this folder."


def test_two_locks_of_one_process_exclude_each_other(tmp_path):
    with lock_folder(tmp_path), pytest.raises(FolderTakenError), lock_folder(tmp_path):
        pass
    with lock_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["with a worker"]])
def test_death_releases_the_lock(tmp_path, holder, words):
    """At once, even if a process that the holder forked lives on."""
    process, worker = holder(*words)
    process.kill()
    process.wait()
    try:
        with lock_folder(tmp_path):
            assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    finally:
        if words:
            os.kill(int(worker), signal.SIGKILL)


def test_many_at_once_take_turns(tmp_path):
    """Each holder removes the file, which must not let two of them in."""
    program = """
import sys, os, time
from pathlib import Path
from segkit.runtime.locking import FolderTakenError, lock_folder
folder, count = Path(sys.argv[1]), 0
while count < 20:
    try:
        with lock_folder(folder):
            mark = os.open(folder.parent / "mark", os.O_CREAT | os.O_EXCL)
            os.close(mark)
            os.unlink(folder.parent / "mark")
            count += 1
    except FolderTakenError:
        time.sleep(0.001)
"""
    processes = [subprocess.Popen([sys.executable, "-c", program, tmp_path / "run"]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError) as caught, lock_folder(tmp_path / "file" / "run"):
        pass
    assert str(caught.value) == f"{tmp_path}/file/run: cannot be written (Not a directory)."


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with lock_folder(tmp_path):
        pass
