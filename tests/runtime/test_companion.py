"""What a companion finds out about its own process and the next one."""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest
from torch.distributed import DistNetworkError, DistStoreError

from segkit.runtime import companion
from segkit.runtime.companion import SILENT, STOPPED, Post, _state_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NAMES = ["process 0 (pid 1 on a)", "process 1 (pid 2 on b)"]


class Store(dict):
    """In place of torch's; an error in it is raised."""

    def set(self, key, value):
        self[key] = value

    def get(self, key):
        if isinstance(self[key], Exception):
            raise self[key]
        return self[key].encode()


@pytest.fixture
def watching(monkeypatch):
    """Returns a function that watches a process with a store, and gives what is written into the pipe and the store."""

    def watch(pid, stored=(), said=None, open_end=True):
        store = Store(stored)
        monkeypatch.setattr(companion, "TCPStore", lambda *_, **__: None)
        monkeypatch.setattr(companion, "PrefixStore", lambda *_: store)
        monkeypatch.setattr(companion, "POLL", 0.01)
        monkeypatch.setattr(companion, "PATIENCE", -2)
        ours, theirs = multiprocessing.Pipe()
        if said is not None:
            ours.send(said)
        if not open_end:
            ours.close()
        companion._Companion(Post("localhost", 1, "a", 1, pid, NAMES), theirs).watch()
        return ours.recv() if open_end and ours.poll() else None, store

    return watch


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_states(sleeper):
    assert _state_of(os.getpid()) in "RS"
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert _state_of(sleeper.pid) == "Z"
    sleeper.wait()
    assert _state_of(sleeper.pid) == "X"


def test_a_process_leaves_in_order(watching, sleeper):
    said, store = watching(sleeper.pid, said="")
    assert (said, store) == (None, {"1": "left"})


def test_a_process_that_fails_tells_why(watching, sleeper):
    _, store = watching(sleeper.pid, said="bad.png: broken.")
    assert store == {"1": "left", "lost": f"{NAMES[1]} has ended: bad.png: broken"}


def test_a_killed_process(watching, sleeper, capfd):
    sleeper.kill()
    sleeper.wait()
    _, store = watching(sleeper.pid, {"lost": "", "0": "1"})
    text = f"{NAMES[1]} was killed or has crashed. The system kills processes when memory is full"
    assert store["lost"] == text
    assert capfd.readouterr().err == f"error: {text}.\n"


def test_a_killed_process_that_is_still_shown(watching, sleeper):
    """Its end of the pipe is closed some time before. Looks without a pause would take the next one for silent."""
    _, store = watching(sleeper.pid, {"lost": "", "0": "1"}, open_end=False)
    assert store["lost"].startswith(f"{NAMES[1]} was killed or has crashed")


def test_a_stopped_process_is_ended(watching, sleeper, capfd):
    sleeper.send_signal(signal.SIGSTOP)
    _, store = watching(sleeper.pid, {"lost": "", "0": "left"})
    assert sleeper.wait() == -signal.SIGKILL
    assert store["lost"] == f"{NAMES[1]} was stopped (SIGSTOP) for {STOPPED * 0.01:g} seconds"
    assert capfd.readouterr().err == f"error: {store['lost']}.\n"


@pytest.mark.parametrize(
    ("stored", "lost"),
    [
        ({"lost": "process 7 has ended: x", "0": "1"}, "process 7 has ended: x"),
        ({"lost": "", "0": "1"}, f"{NAMES[0]} has given no sign of life for {SILENT * 0.01:g} seconds"),
        ({"lost": DistNetworkError("reset")}, f"the connection to {NAMES[0]} or to its launcher has ended"),
        ({"lost": DistStoreError("timeout")}, f"{NAMES[0]} or its launcher gives no answer"),
    ],
)
def test_another_process_is_lost(watching, sleeper, stored, lost):
    """The own process is told; one that does not end in time is ended."""
    said, store = watching(sleeper.pid, stored)
    assert said == store["lost"] == lost
    assert sleeper.wait() == -signal.SIGKILL
