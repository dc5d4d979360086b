"""Weight files whose header lies: nothing is allocated or read beyond the file, and the error names it."""

import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from segkit.checkpoint import read_weights
from segkit.errors import CheckpointError

HEADER = {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}


def written(folder, header, data=bytes(16), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    claimed = len(text) if length is None else length
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", claimed) + text + data)
    return folder


def test_an_honest_header_is_read(tmp_path):
    assert read_weights(written(tmp_path, HEADER))["a"].shape == (2, 2)


def changed(**more):
    return {"a": {**HEADER["a"], **more}}


LIES = {
    "a shape of exabytes": changed(shape=[2**31, 2**31]),
    "a shape that overflows": changed(shape=[2**40, 2**40]),
    "a negative shape": changed(shape=[-2, 2]),
    "a shape of another size": changed(shape=[2, 3]),
    "an end beyond the file": changed(data_offsets=[0, 2**62], shape=[2**60]),
    "a start before the file": changed(data_offsets=[-16, 0]),
    "an end before the start": changed(data_offsets=[16, 0]),
    "another number format": changed(dtype="F64"),
    "an unknown number format": changed(dtype="O"),
    "no number format": {"a": {"shape": [2, 2], "data_offsets": [0, 16]}},
    "two tensors of the same bytes": HEADER | {"b": HEADER["a"]},
    "a hole between tensors": HEADER | {"b": {"dtype": "F32", "shape": [1], "data_offsets": [20, 24]}},
    "a list": [HEADER],
    "no JSON": b"{" * 100,
    "deep JSON": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "no UTF-8": b'{"\xff": 1}',
    "a key twice": b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, ' + json.dumps(HEADER).encode()[1:],
    "metadata of another kind": HEADER | {"__metadata__": {"format": {"a": 1}}},
    "nothing": b"",
}


@pytest.mark.parametrize("lie", [name for name in LIES if name != "a key twice"])
def test_a_header_that_lies_is_refused(tmp_path, lie):
    with pytest.raises(CheckpointError) as caught:
        read_weights(written(tmp_path, LIES[lie]))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/model.safetensors: cannot be read (")
    assert message.endswith("The file is damaged, or it is not a safetensors file. Use another checkpoint.")


def test_a_key_twice_gives_one_of_both(tmp_path):
    """Which the library decides: the bytes are the same."""
    assert read_weights(written(tmp_path, LIES["a key twice"]))["a"].numel() == 4


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**31, 2**63, 2**64 - 1])
def test_a_header_of_another_length_is_refused(tmp_path, length):
    with pytest.raises(CheckpointError, match=f"^{tmp_path}/model.safetensors: cannot be read "):
        read_weights(written(tmp_path, HEADER, length=length))


def test_every_cut_is_refused(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(2, 3), "b": torch.ones(1)}, file)
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=f"^{file}: cannot be read "):
            read_weights(tmp_path)
