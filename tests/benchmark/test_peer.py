"""The peer that is there, and the one that is not."""

import importlib.util

import pytest

from segkit.benchmark.peer import require_peer, transformers
from segkit.errors import SegkitError


def test_present():
    assert require_peer("transformers") == transformers().__version__
    assert transformers("models.maskformer").__name__ == "transformers.models.maskformer"


def test_absent(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SegkitError) as caught:
        require_peer("transformers")
    assert str(caught.value) == (
        "benchmark: transformers is not installed, so there is nothing to compare with. "
        "Install it: pip install transformers"
    )
