"""Signals to a training: the first is told at once, and ends it even if its data never come."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from accelerate import Accelerator

from segkit.errors import TrainingStopped
from segkit.training.interruption import SIGNALS, Interruption
from segkit.training.stopping import Stopping, StopRequest


@pytest.fixture
def stopping():
    return Stopping(Accelerator(cpu=True))


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_told_at_once_and_requests_a_stop(stopping, capfd, number):
    before = [signal.getsignal(one) for one in SIGNALS]
    with Interruption(stopping, repeat=0.05):
        os.kill(os.getpid(), number)
        assert capfd.readouterr().err == (
            f"{number.name}: the training stops after this step and is saved; a second signal ends it at once\n"
        )
        repeated = [signal.getsignal(one) for one in SIGNALS]
        time.sleep(0.2)
        second = [signal.getsignal(one) for one in SIGNALS]
    assert stopping.agreed() == StopRequest(number.name, complete=False)
    assert repeated == [signal.SIG_IGN] * 3
    assert second == [before[0], signal.SIG_DFL, signal.SIG_DFL]
    assert [signal.getsignal(one) for one in SIGNALS] == before


@pytest.mark.parametrize(("number", "by_keyboard"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_a_step_whose_data_do_not_come_is_given_up(stopping, number, by_keyboard):
    interruption = Interruption(stopping, patience=0.1, repeat=0.05)

    def wait():
        with interruption, interruption.waiting():
            os.kill(os.getpid(), number)
            time.sleep(60)

    with pytest.raises(TrainingStopped) as caught:
        wait()
    assert str(caught.value) == f"stopped by {number.name} while waiting for data"
    assert caught.value.by_keyboard == by_keyboard
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_other_work_is_not_given_up(stopping):
    with Interruption(stopping, patience=0.01, repeat=0.01):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
    assert stopping.agreed() is not None


def test_another_thread_has_no_handlers(stopping):
    def enter():
        with Interruption(stopping):
            handlers.append(signal.getsignal(signal.SIGTERM))

    handlers = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]


TWICE = """
import os, signal, sys, time
from accelerate import Accelerator
from segkit.training.interruption import Interruption
from segkit.training.stopping import Stopping
with Interruption(Stopping(Accelerator(cpu=True)), repeat=0.5):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(float(sys.argv[1]))
    os.kill(os.getpid(), signal.SIGTERM)
print("still there")
"""


@pytest.mark.parametrize(
    ("apart", "code", "printed"), [(0.0, 0, "still there\n"), (1.0, -signal.SIGTERM, "")], ids=["repeated", "second"]
)
def test_a_second_signal_ends_the_process_but_not_the_same_once_more(apart, code, printed):
    """torchrun passes on a signal that its processes may have got already, with all others of a job."""
    done = subprocess.run([sys.executable, "-c", TWICE, str(apart)], capture_output=True, text=True)
    assert done.returncode == code
    assert done.stdout == printed
