"""Commands on a disk that is full, or into a path that cannot be a folder: one line that names the file."""

import errno
import sys
from pathlib import Path

import pytest
from PIL import Image

from segkit.cli.main import main
from tests.helpers.tiny import write_tiny

if sys.platform == "win32":
    pytest.skip("Windows has no limits of file sizes", allow_module_level=True)

import resource


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a config, its trained run and an image."""
    folder = tmp_path_factory.mktemp("disk")
    config = write_tiny(folder)
    config.write_text(config.read_text().replace("{type: panoptic}", "{type: panoptic}, {type: instance}"))
    Image.effect_noise((64, 64), 50).convert("RGB").save(folder / "a.png")
    assert main(["train", str(config), "training.steps=1", "data.val=null", "--output", str(folder / "run")]) == 0
    return folder


@pytest.fixture
def full_disk():
    """Lets no file grow beyond 100 bytes, which fails as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def begin():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))

    yield begin
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


COMMANDS = {
    "train": (["train", "tiny.yaml", "--output", "out"], "out/data_summary.json"),
    "predict semantic": (["predict", "run", "a.png", "--output", "out"], "out/overlays/a.png"),
    "predict instance": (
        ["predict", "run", "a.png", "--task", "instance", "--score-threshold", "0", "--output", "out"],
        "out/instances.json",
    ),
    "predict panoptic": (
        ["predict", "run", "a.png", "--task", "panoptic", "--output", "out"],
        "out/panoptic.json",
    ),
    "test": (["test", "run", "data.val={dataset: {type: shapes, length: 1}}", "--output", "out"], "out/"),
    "test overlays": (
        ["test", "run", "data.val={dataset: {type: shapes, length: 1}}", "--overlays", "1", "--output", "out"],
        "out/overlays/shapes_0_00000_semantic.png",
    ),
    "schema": (["schema", "--output", "schema.json"], "schema.json"),
    "new-plugin": (["new-plugin", "acme-parts", "--output", "out"], "out"),
}
"""Command -> the file that its error names."""


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The error that was printed; anything else on stderr is a warning."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line and not line.startswith("warning: ")]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(folder, tmp_path, monkeypatch, capsys, full_disk, name):
    words, file = COMMANDS[name]
    for source in folder.iterdir():
        (tmp_path / source.name).symlink_to(source)
    monkeypatch.chdir(tmp_path)
    full_disk()
    assert main(words) == 1
    line = one_line(capsys)
    assert line.startswith(f"error: {file}")
    assert "cannot be written (File too large)" in line


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("output", ["file", "file/deeper"])
def test_an_output_that_cannot_be_a_folder(folder, tmp_path, monkeypatch, capsys, name, output):
    words = [output if word in ("out", "schema.json") else word for word in COMMANDS[name][0]]
    for source in folder.iterdir():
        (tmp_path / source.name).symlink_to(source)
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    if words[0] == "schema" and output == "file":
        pytest.skip("its output is a file, which it replaces")
    assert main(words) == 1
    assert one_line(capsys).startswith("error: file")
    assert Path("file").read_text() == "mine"


def test_an_output_that_may_not_be_written(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    for words in (["predict", str(folder / "run"), str(folder / "a.png")], ["train", str(folder / "tiny.yaml")]):
        assert main([*words, "--output", "out"]) == 1
        line = one_line(capsys)
        assert line.startswith("error: out")
        assert "Permission denied" in line
