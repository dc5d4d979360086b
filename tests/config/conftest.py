"""Configs are checked against fake parts, in a folder of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segkit.config import load_config
from segkit.errors import ConfigError
from tests.helpers.fake_parts import CONFIG, only_fake_parts


@pytest.fixture(autouse=True)
def _fake_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with only_fake_parts():
        yield


@pytest.fixture
def right_config() -> str:
    """The text of a config with nothing wrong."""
    return CONFIG


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, str | bytes]], None]:
    """Writes files given as path -> content."""

    def write(files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


@pytest.fixture
def problems_of(tmp_path: Path) -> Callable[..., list[str]]:
    """Returns a function that loads a config, written as x.yaml, and returns the lines of its error."""

    def problems_of(text: str, *overrides: str) -> list[str]:
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_config("x.yaml", overrides)
        return str(caught.value).splitlines()

    return problems_of
