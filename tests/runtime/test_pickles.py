"""Pickles that nest too deeply, and files of torch that are not what torch writes."""

import io
import pickle
import pickletools
import shutil
import zipfile
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from segkit.runtime.pickles import RefusedPickleError, load_torch, save_torch, shallow_opcodes
from tests.helpers.disk import files_of_at_most
from tests.helpers.hostile import deep_key, write_deep_keys


def opcodes(data):
    return list(shallow_opcodes(io.BytesIO(data)))


VALUES = [
    {"model": {"a": np.arange(6.0).reshape(2, 3), "b": np.float32(1)}},
    [(1, (2, (3, (4,)))), frozenset({1, (2, 3)}), {1, 2}, OrderedDict(a=(1,)), b"x", "é", 2**90, -1.5, None, True],
    [[(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]] * 3,
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("protocol", range(6))
def test_all_opcodes_of_ordinary_pickles_pass(value, protocol):
    data = pickle.dumps(value, protocol)
    assert opcodes(data) == [opcode.name for opcode, _, _ in pickletools.genops(data)]


def nested(depth):
    """A tuple of so many tuples within each other."""
    value = ()
    for _ in range(depth - 1):
        value = (value,)
    return value


def test_nesting_is_counted_exactly():
    assert opcodes(pickle.dumps(nested(100), 2))[-1] == "STOP"
    with pytest.raises(ValueError, match=r"^more than 100 tuples in it contain each other$"):
        opcodes(pickle.dumps(nested(101), 2))


@pytest.mark.parametrize(
    "data",
    [
        deep_key(),
        b"\x80\x02" + b"(" * 1000 + b")" + b"t" * 1000 + b".",  # marks
        b"\x80\x02)" + b"K\x00\x86" * 1000 + b".",  # pairs
        b"\x80\x02)" + b"K\x00K\x00\x87" * 1000 + b".",
        b"\x80\x02)q\x00" + b"0h\x00\x85q\x00" * 1000 + b".",  # through the memo
        b"\x80\x04)\x94" + b"2\x86" * 1000 + b".",  # duplicates
        b"\x80\x02(0)" + b"\x85" * 1000 + b".",  # a mark that is removed
    ],
)
def test_tuples_nested_in_any_way_are_refused(data):
    with pytest.raises(ValueError, match=r"^more than 100 tuples in it contain each other$"):
        opcodes(data)


@pytest.mark.parametrize("data", [b"\x85.", b"t.", b"0.", b"\x80\x02h\x05.", b"s."])
def test_values_that_are_missing_are_none_of_its_business(data):
    """Unpickling itself reports them."""
    assert opcodes(data)[-1] == "STOP"


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_files_of_torch(tmp_path, form):
    file = tmp_path / "a.pth"
    content = {"model": {"weight": torch.rand(3, 2)}, "step": 7, "random": (1, [torch.zeros(2)])}
    torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
    with file.open("rb") as stream:
        loaded = load_torch(stream)
    assert loaded["step"] == 7
    assert torch.equal(loaded["model"]["weight"], content["model"]["weight"])
    write_deep_keys(file, form)
    with (
        file.open("rb") as stream,
        pytest.raises(ValueError, match=r"^more than 100 tuples in it contain each other$"),
    ):
        load_torch(stream)


def test_compressed_files_are_refused(tmp_path):
    """A pickle of millions of opcodes that do nothing, in a few kilobytes."""
    file = tmp_path / "a.pth"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + b"N0" * 10_000_000 + b"N.")
    assert file.stat().st_size < 100_000
    with (
        file.open("rb") as stream,
        pytest.raises(ValueError, match=r"^'a/data.pkl' in it is compressed, which torch never does$"),
    ):
        load_torch(stream)


def refusal_of(file):
    with file.open("rb") as stream, pytest.raises(ValueError) as error:  # noqa: PT011 - the test compares the text
        load_torch(stream)
    return str(error.value)


def test_a_pickle_that_torch_did_not_write_is_refused(tmp_path):
    """torch would begin to unpickle it."""
    file = tmp_path / "a.pth"
    write_deep_keys(file, "pickle")
    assert refusal_of(file) == "it is no file of torch.save"


def test_the_pickle_is_found_in_any_case(tmp_path):
    file = tmp_path / "a.pth"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/DATA.PKL", deep_key())
    assert refusal_of(file) == "more than 100 tuples in it contain each other"


@pytest.mark.parametrize(("before", "after"), [(30, 0), (0, 30)])
def test_an_archive_that_could_be_read_in_two_ways_is_refused(tmp_path, before, after):
    file = tmp_path / "a.pth"
    torch.save({}, file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"x" * after
    file.write_bytes(b"PK\x03\x04".ljust(before, b"\0")[:before] + file.read_bytes())
    assert refusal_of(file) == "its archive has something before or after its entries, which torch never writes"


@pytest.mark.parametrize(
    ("free", "message"), [(0, "No space left on device"), (2**30, "torch: unexpected pos 64 vs 0")]
)
def test_a_full_disk_is_named(tmp_path, monkeypatch, free, message):
    def fail(*_):
        raise RuntimeError("unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", fail)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(OSError, match=message):
        save_torch({}, tmp_path / "a.pt")


def test_a_limit_of_the_size_of_files_is_named(tmp_path):
    with files_of_at_most(1 << 16), pytest.raises(OSError, match="File too large"):
        save_torch({"weight": torch.zeros(1 << 20)}, tmp_path / "a.pt")


class Hostile:
    def __reduce__(self):
        return exec, ("raise SystemExit",)


def test_a_pickle_that_could_run_a_program_is_refused(tmp_path):
    torch.save({"weight": Hostile()}, tmp_path / "a.pt")
    with (tmp_path / "a.pt").open("rb") as stream, pytest.raises(RefusedPickleError, match=r"asks for [a-z_.]*exec,"):
        load_torch(stream)
