"""Values on their way from a GPU to the host. The GPU is not real, so none is needed."""

import torch

from segkit.runtime.host_copy import HostCopy


class OnGpu(torch.Tensor):
    is_cuda = True


class Event:
    def __init__(self, calls):
        self.calls = calls

    def record(self):
        self.calls.append("record")

    def synchronize(self):
        self.calls.append("wait")


def test_values_of_a_gpu_are_copied_at_once_and_waited_for_when_they_are_read(monkeypatch):
    calls = []

    class Pinned(torch.Tensor):
        def copy_(self, source, non_blocking):
            calls.append(f"copy, non_blocking={non_blocking}")
            return torch.tensor(source.tolist())

    def empty_like(tensor, device, pin_memory):
        calls.append(f"memory on {device}, pin_memory={pin_memory}")
        return torch.empty(tensor.shape).as_subclass(Pinned)

    monkeypatch.setattr(torch, "empty_like", empty_like)
    monkeypatch.setattr(torch.cuda, "Event", lambda: Event(calls))
    copy = HostCopy(torch.tensor([1.5, 2.5]).as_subclass(OnGpu))
    assert calls == ["memory on cpu, pin_memory=True", "copy, non_blocking=True", "record"]
    assert copy.values() == [1.5, 2.5]
    assert calls[3:] == ["wait"]
