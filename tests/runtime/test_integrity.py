"""Digests find every change of a file and of the manifest itself."""

import random
import subprocess

import pytest

from segkit.errors import CheckpointError
from segkit.runtime.integrity import guard, read_manifest, require_intact, require_intact_folder, write_manifest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    (tmp_path / "b.txt").write_text("two")
    write_manifest(tmp_path)
    return tmp_path


def refused(check, path) -> str:
    with pytest.raises(CheckpointError) as caught:
        check(path)
    return str(caught.value)


def read_all(folder):
    for name in ("a.bin", "b.txt"):
        require_intact(folder / name)


def test_an_unchanged_folder_is_intact(folder):
    require_intact_folder(folder)
    require_intact(folder / "a.bin")


def test_sha256sum_reads_the_manifest(folder):
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert checked.stdout == "a.bin: OK\nb.txt: OK\n"


def test_a_changed_file_is_named(folder):
    (folder / "b.txt").write_text("too")
    message = (
        f"{folder}/b.txt: is damaged: its digest differs from SHA256SUMS. Use another checkpoint. If you changed files "
        f"yourself, remove {folder}/SHA256SUMS."
    )
    assert refused(require_intact_folder, folder) == message
    assert refused(require_intact, folder / "b.txt") == message
    require_intact(folder / "a.bin")


def test_a_missing_and_an_added_file_are_named(folder):
    (folder / "b.txt").rename(folder / "c.txt")
    expected = f"{folder}/b.txt: cannot be read (No such file or directory). Use another checkpoint."
    assert refused(require_intact_folder, folder) == expected
    assert refused(require_intact, folder / "c.txt").startswith(f"{folder}/c.txt: is not listed in SHA256SUMS. Use")


def test_a_needed_file_must_be_listed(folder):
    manifest = folder / "SHA256SUMS"
    manifest.write_text(manifest.read_text().splitlines(keepends=True)[0])
    require_intact_folder(folder)
    message = refused(lambda path: require_intact_folder(path, ["a.bin", "b.txt"]), folder)
    assert message.startswith(f"{folder}/b.txt: is not listed in SHA256SUMS. Use another checkpoint.")


def test_without_manifest_nothing_is_checked(tmp_path):
    (tmp_path / "a.bin").touch()
    assert read_manifest(tmp_path) is None
    require_intact_folder(tmp_path, ["a.bin"])
    require_intact(tmp_path / "a.bin")


def test_every_bit_and_every_cut_of_the_manifest_is_noticed(folder):
    file = folder / "SHA256SUMS"
    content = file.read_bytes()
    # A manifest that lists fewer files is noticed as soon as a file is read that it lacks.
    damaged = [content[:length] for length in range(len(content))]
    for position in range(len(content)):
        for bit in range(8):
            damaged.append(content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :])
    generator = random.Random(0)
    for changed in generator.sample(damaged, 300):
        file.write_bytes(changed)
        assert "SHA256SUMS" in refused(read_all, folder)


def test_files_in_folders_below_are_listed_and_named(folder):
    (folder / "below").mkdir()
    (folder / "below/c.txt").write_text("three")
    guard(folder, ["below/c.txt", "a.bin"])
    require_intact_folder(folder, ["a.bin"])
    (folder / "below/c.txt").write_text("four")
    message = refused(lambda path: require_intact_folder(path, remedy="Write it again."), folder)
    assert message == (
        f"{folder}/below/c.txt: is damaged: its digest differs from SHA256SUMS. Write it again. If you changed files "
        f"yourself, remove {folder}/SHA256SUMS."
    )


@pytest.mark.parametrize("name", ["/etc/hostname", "../a.bin", "below/../a.bin", "./a.bin"])
def test_a_list_cannot_name_files_elsewhere(folder, name):
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    assert "SHA256SUMS: is damaged (not a list of SHA-256 digests)" in refused(read_manifest, folder)
