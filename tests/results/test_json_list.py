"""JSON lists that are written and read item by item."""

import io
import json
from pathlib import Path

import pytest

from segkit.errors import WriteError
from segkit.results.json_list import JsonList, frame_of, items_of

FRAMES = [("[", "]"), ('{"categories": [{"id": 1}],\n"annotations": [', "]}")]


@pytest.mark.parametrize(("head", "tail"), FRAMES)
@pytest.mark.parametrize("items", [[], [{"id": 1}], [{"id": 1, "text": "[\n{,"}, {"list": [1, 2]}]])
def test_what_is_written_is_read(tmp_path, head, tail, items):
    path = tmp_path / "list.json"
    file = JsonList(path, head, tail)
    for item in items:
        file.add(item)
    file.close()
    file.close()
    content = json.loads(path.read_text())
    assert (content if head == "[" else content["annotations"]) == items
    assert list(items_of(path)) == items
    assert frame_of(path) == (head, tail)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_a_disk_that_is_full_when_the_list_is_completed(tmp_path):
    """What is written waits in memory until the file is closed, and an error then has no path of its own."""
    file = tmp_path / "list.json"
    file.with_name("list.json.writing").symlink_to("/dev/full")
    written = JsonList(file, "[", "]")
    written.add({"a": 1})
    with pytest.raises(WriteError) as error:
        written.close()
    written.close()  # nothing is left to do
    assert str(error.value) == f"{file}: cannot be written (No space left on device)."
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_list_stays_until_the_new_one_is_complete(tmp_path):
    file = tmp_path / "list.json"
    file.write_text("[1]")
    written = JsonList(file, "[", "]")
    written.add({"a": 1}, {"a": 2})
    assert file.read_text() == "[1]"
    written.close()
    assert json.loads(file.read_text()) == [{"a": 1}, {"a": 2}]


def test_an_error_within_the_context_leaves_nothing(tmp_path):
    def interrupted():
        with JsonList(tmp_path / "list.json", "[", "]") as written:
            written.add({"a": 1})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_was_half_written_at_an_interruption_is_dropped(tmp_path, monkeypatch):
    class Stream(io.BufferedWriter):
        def write(self, data):
            if b"2" in data:
                super().write(data[:5])
                raise KeyboardInterrupt
            return super().write(data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda file, mode: Stream(io.FileIO(file, mode)))
        written = JsonList(tmp_path / "list.json", "[", "]")
    written.add({"a": 1})
    with pytest.raises(KeyboardInterrupt):
        written.add({"a": 2})
    written.close()
    assert json.loads((tmp_path / "list.json").read_text()) == [{"a": 1}]
