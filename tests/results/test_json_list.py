"""JSON lists that are written and read item by item."""

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
    file.symlink_to("/dev/full")
    written = JsonList(file, "[", "]")
    written.add({"a": 1})
    with pytest.raises(WriteError) as error:
        written.close()
    written.close()  # the file is closed all the same
    assert str(error.value) == f"{file}: cannot be written (No space left on device)."
