"""The peers that are there, and those that are not."""

from importlib.metadata import PackageNotFoundError

import pytest
from benchmarking.peer import PEERS, panopticapi, require_peer, transformers

from segkit.errors import SegkitError


def test_present():
    assert require_peer("transformers") == transformers().__version__
    assert transformers("models.maskformer").__name__ == "transformers.models.maskformer"


def test_panopticapi_present():
    pytest.importorskip("panopticapi", reason=f"needs {PEERS['panopticapi']}")
    assert require_peer("panopticapi") == "0.1"
    assert panopticapi("evaluation").__name__ == "panopticapi.evaluation"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("transformers", "pip install transformers"),
        ("panopticapi", "pip install git+https://github.com/cocodataset/panopticapi"),
    ],
)
def test_absent(monkeypatch, name, command):
    def fail(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("benchmarking.peer.version", fail)
    with pytest.raises(SegkitError) as caught:
        require_peer(name)
    assert str(caught.value) == (f"tools/benchmark.py: {name} is not installed. Install it: {command}")
