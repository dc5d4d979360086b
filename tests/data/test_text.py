"""Text files in the encodings of several tools. Messages are those of class lists, in test_class_list.py."""

import pytest

from segkit.data.text import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_recognized(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("Straße\n".encode(encoding))
    assert read_text(tmp_path / "a.txt", "a list") == "Straße\n"
