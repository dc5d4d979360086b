"""Commands on a disk that is full, or into a path that cannot be a folder: one line that names the file."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from segkit.cli.main import main
from tests.helpers.tiny import write_tiny

FULL = Path("/dev/full")
"""A device on which everything fails as on a full disk."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a config, its trained run and an image."""
    folder = tmp_path_factory.mktemp("disk")
    config = write_tiny(folder)
    config.write_text(config.read_text().replace("{type: panoptic}", "{type: panoptic}, {type: instance}"))
    Image.effect_noise((64, 64), 50).convert("RGB").save(folder / "a.png")
    assert main(["train", str(config), "training.steps=1", "data.val=null", "--output", str(folder / "run")]) == 0
    return folder


VAL = "data.val={dataset: {type: shapes, length: 1}}"

COMMANDS = {
    "predict semantic": (["predict", "run", "a.png", "--output", "out"], "out/overlays/a_semantic.png"),
    "predict instance": (
        ["predict", "run", "a.png", "--task", "instance", "--score-threshold", "0", "--output", "out"],
        "out/instances.json",
    ),
    "predict panoptic": (
        ["predict", "run", "a.png", "--task", "panoptic", "--output", "out"],
        "out/panoptic.json",
    ),
    "test": (["test", "run", VAL, "--output", "out"], "out/metrics.json"),
    "test overlays": (["test", "run", VAL, "--overlays", "1", "--output", "out"], None),
    "schema": (["schema", "--output", "out.file"], "out.file"),
    "report": (["report", "run", "--output", "out.file"], "out.file"),
    "train": (["train", "tiny.yaml", "--output", "out"], None),
    "new-plugin": (["new-plugin", "acme-parts", "--output", "out"], None),
}
"""Command -> a file that it writes into a folder that exists."""


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The error that was printed; anything else on stderr is a warning."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line and not line.startswith("warning: ")]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.skipif(not FULL.exists(), reason="this system has no file that is always full")
@pytest.mark.parametrize("name", [name for name, (_, file) in COMMANDS.items() if file is not None])
def test_a_full_disk(folder, tmp_path, monkeypatch, capsys, name):
    words, file = COMMANDS[name]
    for source in folder.iterdir():
        (tmp_path / source.name).symlink_to(source)
    monkeypatch.chdir(tmp_path)
    full = Path(f"{file}.writing")  # it gets its name when it is complete
    full.parent.mkdir(parents=True, exist_ok=True)
    full.symlink_to(FULL)
    assert main(words) == 1
    assert one_line(capsys) == f"error: {file}: cannot be written (No space left on device)."


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    """A working folder with the files that the commands read."""
    for source in folder.iterdir():
        (tmp_path / source.name).symlink_to(source)
    monkeypatch.chdir(tmp_path)


def words_for(name, output):
    return [output if word in ("out", "out.file") else word for word in COMMANDS[name][0]]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("output", ["file", "file/deeper"])
def test_an_output_that_cannot_be_a_folder(here, capsys, name, output):
    Path("file").write_text("mine")
    if "out.file" in COMMANDS[name][0] and output == "file":
        pytest.skip("its output is a file, which it replaces")
    assert main(words_for(name, output)) == 1
    assert one_line(capsys).startswith("error: file")
    assert Path("file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", COMMANDS)
def test_an_output_that_is_a_pipe_a_device_or_a_link_to_itself(here, capsys, name):
    """None of them waits for a reader, or takes the place of the device."""
    os.mkfifo("pipe")
    Path("device").symlink_to(os.devnull)
    Path("loop").symlink_to("loop")
    for output in ("pipe", "device", "loop"):
        assert main(words_for(name, output)) == 1
        assert one_line(capsys).startswith(f"error: {output}")
    assert Path("pipe").is_fifo()
    assert Path("device").is_symlink()
    assert Path("loop").is_symlink()


@pytest.mark.parametrize("name", ["test", "predict semantic"])
def test_an_output_that_cannot_be_written_is_found_before_the_work(here, monkeypatch, capsys, name):
    monkeypatch.setattr("segkit.models.mask_former.MaskFormer.forward", None)
    Path("file").write_text("mine")
    assert main(words_for(name, "file/deeper")) == 1
    assert one_line(capsys).startswith("error: file/deeper: cannot be written (")


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
