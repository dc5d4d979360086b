"""Files are opened in one way, which waits for nobody."""

import ast
import json
from pathlib import Path

import pytest

import segkit
from segkit import load_config
from segkit.checkpoint import read_classes as read_checkpoint_classes
from segkit.checkpoint import read_weights
from segkit.data.class_list import read_classes
from segkit.data.images import read_image, read_panoptic_map
from segkit.data.json_values import read_json as read_data_json
from segkit.data.label_maps import read_label_map
from segkit.errors import SegkitError
from segkit.interop.huggingface.files import read_json as read_huggingface_json
from segkit.interop.unpickling import read_model_tensors
from segkit.runtime.integrity import require_intact, write_manifest
from segkit.runtime.reading import open_file, read_json, read_utf8
from segkit.training.dump import read_process
from segkit.training.log import go_on_with_log
from segkit.training.state import SavedState
from tests.helpers.hostile import SPECIAL, make_special

PACKAGE = Path(segkit.__file__).parent

READERS = {
    "a.png": [read_image, read_panoptic_map, read_label_map],
    "a.json": [read_data_json, read_classes, read_huggingface_json],
    "a.txt": [read_classes],
    "data.yaml": [read_classes, load_config],
    "a.pth": [read_model_tensors, read_process],
    "classes.json": [lambda file: read_checkpoint_classes(file.parent)],
    "model.safetensors": [lambda file: read_weights(file.parent)],
    "training_state.pt": [lambda file: SavedState(file.parent)],
    "config.yaml": [lambda file: load_config(file.parent)],
    "metrics.jsonl": [lambda file: go_on_with_log(file, 1, 1, None)],
}
"""What opens files that somebody else may have made, by the name of such a file."""

CASES = [(name, number) for name, readers in READERS.items() for number in range(len(readers))]


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch, name, number, kind):
    file = tmp_path / "data" / name
    make_special(file, kind, monkeypatch)
    with pytest.raises(SegkitError, match=str(tmp_path)):
        READERS[name][number](file)


@pytest.mark.parametrize("kind", SPECIAL)
def test_the_error_says_what_it_is(tmp_path, monkeypatch, kind):
    expected = make_special(tmp_path / "a.png", kind, monkeypatch)
    with pytest.raises(OSError, match=expected):
        open_file(tmp_path / "a.png")
    with pytest.raises(SegkitError) as caught:
        read_image(tmp_path / "a.png")
    assert str(caught.value) == f"{tmp_path}/a.png: cannot read the image ({expected}). Replace or remove it."


@pytest.mark.parametrize("kind", SPECIAL)
def test_digests_of_what_is_no_file(tmp_path, monkeypatch, kind):
    (tmp_path / "weights").write_text("complete")
    write_manifest(tmp_path)
    (tmp_path / "weights").unlink()
    expected = make_special(tmp_path / "weights", kind, monkeypatch)
    with pytest.raises(SegkitError) as caught:
        require_intact(tmp_path / "weights")
    assert str(caught.value) == f"{tmp_path}/weights: cannot be read ({expected}). Use another checkpoint."


def test_links_to_files_are_followed(tmp_path):
    (tmp_path / "a.txt").write_text("é")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert read_utf8(tmp_path / "b.txt") == "é"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000 + "]" * 100_000, "it is nested too deeply"),
        ('{"a": ' * 100_000, "it is nested too deeply"),
        ('{"a": 1, "b": 2, "a": 3}', 'the key "a" appears twice'),
        (json.dumps({"a": 1})[:-1] + f', "{"k" * 99}": 1, "{"k" * 99}": 1}}', f'the key "{"k" * 39}… appears twice'),
        ('{"\\ud800": 1, "\\ud800": 2}', 'the key "\\ud800" appears twice'),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_json_that_cannot_be_read(tmp_path, text, problem):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_json(tmp_path / "a.json")
    assert str(caught.value) == problem


OTHER_OPENERS = {
    "runtime/reading.py": "is the way to open files",
    "runtime/locking.py": "makes and locks a file",
    "runtime/writing.py": "opens what it has written",
    "results/json_list.py": "reads what it has written",
    "ops/cpu/processor.py": "reads a file of the system",
    "export/exporting.py": "opens what it has written",
    "export/formats.py": "calls the readers of exported files, which use runtime/reading.py",
    "video/reader.py": "gives FFmpeg a file that runtime/reading.py has opened, or a camera",
}
"""Modules that open files by themselves, each with the reason."""


def test_nothing_else_opens_files_for_reading():
    """Of all modules, so that a new one does not wait for a pipe again."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
        if any(_reads(call) for call in calls) and name not in OTHER_OPENERS:
            found.append(name)
    assert found == []


def _reads(call: ast.Call) -> bool:
    """Whether a call opens a file by its path, other than for writing."""
    function = call.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    if called in ("read_text", "read_bytes"):
        return owner != ""
    if called != "open" or owner in ("Image", "archive") or "os.O_WRONLY" in ast.unparse(call):
        return False
    modes = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return not any(isinstance(mode, str) and mode[:1] in ("w", "a", "x") for mode in modes)
