"""Files made to stop whoever opens them."""

import os
import pickle
import socket
import zipfile
from pathlib import Path

import pytest
import torch


def repeated(times: int, lines: int = 9) -> str:
    """Returns YAML in which each line repeats the one above so many times: `times ** lines` values."""
    first = f"a0: &a0 [{', '.join('x' * times)}]"
    return "\n".join([first, *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * times)}]" for n in range(1, lines))])


def deep_key(depth: int = 300_000) -> bytes:
    """Returns a pickle of `{"model": {key: None}}`, the key made of so many tuples within each other."""
    return b"\x80\x02}X\x05\x00\x00\x00model})" + b"\x85" * depth + b"Nss."


def write_deep_keys(file: Path, form: str) -> None:
    """Writes a checkpoint with such a key. form: pickle, zip (torch's format) or legacy (its older one)."""
    if form == "pickle":
        file.write_bytes(deep_key())
        return
    content = {"model": {"weight": torch.zeros(1)}}
    torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
    if form == "legacy":
        with file.open("rb") as stream:
            for _ in range(3):  # magic number, version, platform
                pickle.load(stream)
            start = stream.tell()
        file.write_bytes(file.read_bytes()[:start] + deep_key() + pickle.dumps([], protocol=2))
        return
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(name, deep_key() if name.endswith("data.pkl") else data)


def make_special(file: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes `file` a pipe, socket, folder or link to a device, and returns what an error says of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
        return "it is a named pipe, not a file"
    if kind == "socket":
        monkeypatch.chdir(file.parent)  # the name of a socket may not be long
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(file.name)
        return "No such device or address"
    if kind == "device":
        file.symlink_to("/dev/zero")
        return "it is a device, not a file"
    file.mkdir()
    return "Is a directory"


SPECIAL = ("pipe", "socket", "device", "folder")
"""The kinds of `make_special`."""
