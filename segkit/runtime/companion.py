"""A small process beside each process of a training, which notices and tells that one of them is lost.

A thread would not do: it gives no sign of life while the main thread holds Python's lock, and none when its process is
stopped. A companion sees what became of its process, and tells the others through torch's store, which connects all
machines already. Each also watches the companion of the next process, which is silent when its machine is.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection

from torch.distributed import (  # type: ignore[attr-defined]
    DistNetworkError,
    DistStoreError,
    PrefixStore,
    TCPStore,
)

from segkit.runtime.reading import read_bytes

POLL = 1.0
"""Seconds between two looks."""

STOPPED = 6
"""Looks at which a process may be stopped, as by SIGSTOP. A suspended job does not count: companions are then, too."""

SILENT = 15
"""Looks at which the next companion may be silent."""

PATIENCE = 20
"""Seconds that a process has to save and end after another one is lost."""

_LEFT = "left"
_STORE_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True)
class Post:
    """What a companion has to know."""

    address: str
    port: int
    """Of the store."""
    prefix: str
    """Of the keys of this training in the store."""
    rank: int
    pid: int
    """Of the process beside it."""
    names: list[str]
    """How messages call the processes, by rank."""


def keep_company(post: Post, pipe: Connection, other_end: Connection) -> None:
    """Watches until the process leaves or one is lost; the main function of a companion.

    Args:
        post: What it has to know.
        pipe: Here the process says why it leaves (empty: in order), and hears which process is lost.
        other_end: That of the process, which a forked companion has, too.
    """
    other_end.close()
    # A scheduler sends its signals to all processes.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    _Companion(post, pipe).watch()


class _Companion:
    def __init__(self, post: Post, pipe: Connection) -> None:
        self._post = post
        self._pipe = pipe
        self._name = post.names[post.rank]
        self._next = (post.rank + 1) % len(post.names)
        self._beats = 0
        self._stopped = 0
        self._silent = 0
        self._heard = ""
        store = TCPStore(post.address, post.port, is_master=False, timeout=_STORE_TIMEOUT)
        self._store = PrefixStore(post.prefix, store)

    def watch(self) -> None:
        """Returns where the own process has left, or all know which process is lost."""
        self._store.set(str(self._post.rank), "0")
        if self._post.rank == 0:
            self._store.set("lost", "")
        while True:
            try:
                if self._pipe.poll(POLL):
                    return self._leave(self._pipe.recv())
            except EOFError:  # its process is gone, though Linux may still show it for a while
                return self._end_own(self._death())
            own = self._own_loss()
            if own:
                return self._end_own(own)
            lost = "" if self._stopped else self._loss()
            if lost:
                return self._end_because_of(lost)

    def _leave(self, cause: str) -> None:
        if cause:
            self._tell(f"{self._name} has ended: {cause.rstrip('.')}")
        with suppress(DistNetworkError, DistStoreError):
            self._store.set(str(self._post.rank), _LEFT)

    def _own_loss(self) -> str:
        """Returns how the own process is lost; an empty string where it is not."""
        state = _state_of(self._post.pid)
        if state in "ZX":
            return self._death()
        self._stopped = self._stopped + 1 if state == "T" else 0
        return f"{self._name} was stopped (SIGSTOP) for {STOPPED * POLL:g} seconds" if self._stopped >= STOPPED else ""

    def _death(self) -> str:
        return f"{self._name} was killed or has crashed. The system kills processes when memory is full"

    def _loss(self) -> str:
        """Returns which other process is lost; an empty string where none is known to be."""
        try:
            return self._exchange()
        except DistNetworkError:
            return f"the connection to {self._post.names[0]} or to its launcher has ended"
        except DistStoreError:  # no answer in time
            self._silent += round(_STORE_TIMEOUT.total_seconds())
        return f"{self._post.names[0]} or its launcher gives no answer" if self._silent >= SILENT else ""

    def _exchange(self) -> str:
        """Tells that this process is well, and looks whether the others are."""
        self._beats += 1
        self._store.set(str(self._post.rank), str(self._beats))
        lost = self._store.get("lost").decode()
        if lost:
            return lost
        heard = self._store.get(str(self._next)).decode()
        self._silent = 0 if heard != self._heard or heard == _LEFT else self._silent + 1
        self._heard = heard
        if self._silent >= SILENT:
            return f"{self._post.names[self._next]} has given no sign of life for {self._silent * POLL:g} seconds"
        return ""

    def _tell(self, lost: str) -> None:
        with suppress(DistNetworkError, DistStoreError):
            self._store.set("lost", lost)

    def _end_own(self, lost: str) -> None:
        os.write(2, f"error: {lost}.\n".encode())  # first: the store may have ended with the process
        self._tell(lost)
        with suppress(ProcessLookupError):  # one that is stopped ends by nothing else
            os.kill(self._post.pid, signal.SIGKILL)

    def _end_because_of(self, lost: str) -> None:
        self._tell(lost)
        with suppress(OSError):
            self._pipe.send(lost)
        # Longer than its process waits: this is for one that holds Python's lock.
        for _ in range(PATIENCE + 2):
            time.sleep(POLL)
            if _state_of(self._post.pid) in "ZX":
                return
        with suppress(ProcessLookupError):
            os.kill(self._post.pid, signal.SIGKILL)


def _state_of(process: int) -> str:
    """Returns the state of a process as Linux writes it: T stopped, Z ended, X gone."""
    try:
        # The name of the program, in parentheses, may hold anything.
        return read_bytes(f"/proc/{process}/stat").rpartition(b")")[2].split()[0].decode()
    except OSError:
        return "X"
