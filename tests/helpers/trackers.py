"""Trackers that write into a list, in place of packages that may not be installed."""

import sys
from types import ModuleType

from accelerate import tracking


def fake_trackers(monkeypatch):
    """Makes wandb, mlflow and TensorBoard available; returns the list of what is sent to them."""
    sent = []

    class FakeTracker:
        requires_logging_directory = False

        def __init__(self, project, **options):
            sent.append(("init", project, options))

        def start(self):
            sent.append(("start",))

        def store_init_configuration(self, values):
            sent.append(("config", values))

        def log(self, values, step):
            sent.append(("log", step, values))

        def finish(self):
            sent.append(("finish",))

    class FakeWriter:
        def __init__(self, folder, purge_step):
            sent.append(("init", folder, purge_step))

        def add_scalar(self, tag, value, step):
            sent.append((tag, value, step))

        def close(self):
            sent.append(("close",))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(tracking, "get_available_trackers", lambda: ["wandb", "mlflow"])
    classes = {**tracking.LOGGER_TYPE_TO_CLASS, "wandb": FakeTracker, "mlflow": FakeTracker}
    monkeypatch.setattr(tracking, "LOGGER_TYPE_TO_CLASS", classes)
    return sent
