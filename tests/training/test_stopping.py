"""Requests to end a training. tests/training/test_distributed.py tests those of one of two processes."""

from accelerate import Accelerator

from segkit.training.stopping import Stopping, StopRequest


def test_the_first_request_counts():
    stopping = Stopping(Accelerator(cpu=True))
    assert stopping.agreed() is None
    stopping.request("a signal", complete=False)
    stopping.request("patience")
    assert stopping.agreed() == StopRequest("a signal", complete=False)
