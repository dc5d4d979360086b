"""Each in a process of its own, for what is set once stays so."""

import os
import platform
import subprocess
import sys

import pytest

from segkit.runtime import allocation

PROGRAM = """
import resource, sys
import numpy
from segkit.runtime.allocation import keep_freed_memory, release_freed_memory

if sys.argv[1] != "leave":
    print(keep_freed_memory())

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    numpy.ones(1 << 24)  # 128 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
if sys.argv[1] == "release":
    release_freed_memory()
print(faults())
"""
PLAIN = {name: value for name, value in os.environ.items() if name not in allocation.ENVIRONMENT}
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def run(word, **environment):
    command = [sys.executable, "-c", PROGRAM, word]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**PLAIN, **environment})
    return done.stdout.split()


@needs_glibc
def test_the_next_tensor_takes_the_memory_of_the_last():
    kept, faults = run("keep")
    assert kept == "True"
    (plain_faults,) = run("leave")
    assert int(faults) < 0.1 * int(plain_faults)


@needs_glibc
def test_released_memory_is_taken_anew():
    kept, faults = run("release")
    assert kept == "True"
    (plain_faults,) = run("leave")
    assert int(faults) > 0.9 * int(plain_faults)


@needs_glibc
def test_the_users_own_setting_stays():
    assert run("keep", MALLOC_MMAP_THRESHOLD_="1000000")[0] == "False"


def test_another_c_library_is_left_as_it_is(monkeypatch):
    for name in allocation.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(allocation.ctypes, "CDLL", lambda name: object())
    assert allocation.keep_freed_memory() is False
    allocation.release_freed_memory()
