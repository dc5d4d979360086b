"""Reading checkpoints of detectron2 programs: arrays are read unchanged, and everything else is refused."""

import builtins
import collections
import contextlib
import copyreg
import functools
import io
import os
import pickle
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.errors import CheckpointError
from segkit.interop import unpickling
from segkit.interop.unpickling import read_model_tensors

NUMBERS = np.arange(-6, 6, dtype=np.float32).reshape(3, 4)
ARRAYS = {
    "float32": NUMBERS,
    "float16": NUMBERS.astype(np.float16),
    "float64": NUMBERS.astype(np.float64),
    "int64": NUMBERS.astype(np.int64),
    "uint8": np.arange(256, dtype=np.uint8),
    "bool": NUMBERS > 0,
    "big endian": NUMBERS.astype(">f4"),
    "Fortran order": np.asfortranarray(NUMBERS),
    "a view": NUMBERS[::2, 1:],
    "no dimension": np.array(3.5, np.float32),
    "a scalar": np.float32(3.5),
    "empty": np.zeros((0, 4), np.float32),
}


@pytest.fixture
def write(tmp_path):
    """Writes a file and returns its path; content other than bytes is pickled."""

    def write(content, protocol=4):
        file = tmp_path / "model.pkl"
        file.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
        return file

    return write


def error(file):
    with pytest.raises(CheckpointError) as caught:
        read_model_tensors(file)
    return str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_are_read_unchanged(write, protocol):
    tensors = read_model_tensors(write({"model": ARRAYS, "__author__": "somebody", "iteration": 7}, protocol))
    assert list(tensors) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert tensors[name].shape == np.shape(array)
        assert np.array_equal(tensors[name].numpy(), array)
        assert tensors[name].numpy().dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("ours", ["numpy.core", "numpy._core"])
def test_names_of_numpy_1_and_2(write, ours):
    written = pickle.dumps({"model": {"a": NUMBERS}}, protocol=2)
    assert b"cnumpy._core.multiarray\n" in written or b"cnumpy.core.multiarray\n" in written
    named = written.replace(b"cnumpy._core.", f"c{ours}.".encode()).replace(b"cnumpy.core.", f"c{ours}.".encode())
    assert torch.equal(read_model_tensors(write(named))["a"], torch.from_numpy(NUMBERS))


def test_bytes_of_python_2(write):
    """Python 2 pickles the bytes of an array as a plain string: opcode BINSTRING."""
    raw = NUMBERS.tobytes()
    dtype = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x03K\x04t" + dtype
    array += b"\x89T" + len(raw).to_bytes(4, "little") + raw + b"tb"
    tensors = read_model_tensors(write(b"\x80\x02}U\x05model}U\x01a" + array + b"ss."))
    assert torch.equal(tensors["a"], torch.from_numpy(NUMBERS))


def test_ordered_dictionaries(write):
    model = collections.OrderedDict([("b", NUMBERS), ("a", NUMBERS)])
    assert list(read_model_tensors(write(collections.OrderedDict(model=model)))) == ["b", "a"]


@pytest.mark.parametrize("zipped", [True, False])
def test_trainings_of_detectron2(tmp_path, zipped):
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(3)).sum().backward()
    optimizer.step()
    content = {"model": layer.state_dict(), "optimizer": optimizer.state_dict(), "iteration": 4999}
    torch.save(content, tmp_path / "model_0004999.pth", _use_new_zipfile_serialization=zipped)
    tensors = read_model_tensors(tmp_path / "model_0004999.pth")
    assert tensors.keys() == layer.state_dict().keys()
    assert torch.equal(tensors["weight"], layer.weight)


class Call:
    """An object that pickles as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {file}",)),
        (builtins.eval, ("open('{file}', 'w')",)),
        (builtins.exec, ("open('{file}', 'w')",)),
        (builtins.open, ("{file}", "w")),
        (builtins.getattr, (1, "real")),
        (subprocess.getoutput, ("touch {file}",)),
        (functools.partial, (print,)),
        (np.load, ("{file}",)),
        (np.save, ("{file}", 1)),
        (np.fromfile, ("{file}",)),
        (torch.load, ("{file}",)),
        (torch.save, (1, "{file}")),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_nothing_is_run(write, tmp_path, function, arguments, protocol):
    made = tmp_path / "made.npy"
    named = [one.format(file=made) if isinstance(one, str) else one for one in arguments]
    file = write({"model": {"a": NUMBERS, "b": Call(function, *named)}}, protocol)
    assert error(file).startswith(f"{file}: refused: its pickle asks for ")
    asked = error(file).split("asks for ")[1].split(",")[0]
    assert asked.rpartition(".")[2] == function.__qualname__
    assert not made.exists()


def test_the_refused_name_is_in_the_message(write):
    file = write(b"\x80\x02}U\x05modelcposix\nsystem\n(U\x04truetRs.")
    assert error(file) == (
        f"{file}: refused: its pickle asks for posix.system, which arrays, tensors and plain containers do not need "
        "and which could run a program. Nothing was run. Get the file from a source you trust, as plain arrays or "
        "tensors."
    )


@pytest.mark.parametrize(
    ("program", "asked"),
    [
        (b"cposix\nsystem\n(U\x04truetR", "posix.system"),
        (b"\x8c\x05posix\x8c\x06system\x93(U\x04truetR", "posix.system"),
        (b"(U\x04trueiposix\nsystem\n", "posix.system"),
        (b"(cposix\nsystem\nU\x04trueo", "posix.system"),
        (b"cbuiltins\nobject\n)\x81", "builtins.object"),
        (b"cnumpy._core.multiarray\nfromfile\n", "numpy._core.multiarray.fromfile"),
        (b"cnumpy._core._core.multiarray\nscalar\n", "numpy._core._core.multiarray.scalar"),
        (b"cnumpy.core\nmultiarray\n", "numpy.core.multiarray"),
        (b"cnumpy\nndarray.tofile\n", "numpy.ndarray.tofile"),
        (b"\x8c\x0bcollections\x8c\x0fabc.sys.modules\x93", "collections.abc.sys.modules"),
        (b"\x82\x01", "something outside of it by EXT1"),
        (b"\x83\x01\x01", "something outside of it by EXT2"),
        (b"\x84\x01\x01\x01\x01", "something outside of it by EXT4"),
        (b"Pfile\n", "something outside of it by PERSID"),
        (b"U\x04fileQ", "something outside of it by BINPERSID"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_opcode_that_fetches_is_checked(write, program, asked):
    assert f": refused: its pickle asks for {asked}, which arrays" in error(write(b"\x80\x04" + program + b"."))


def test_extension_codes_known_to_the_process_are_refused(write, capsys):
    copyreg.add_extension("builtins", "print", 240)
    try:
        program = pickle.dumps(Call(print, "run"), protocol=2)
        assert b"\x82\xf0" in program
        pickle.loads(program)  # from here on pickle finds it without asking find_class
        assert capsys.readouterr().out == "run\n"
        assert "asks for something outside of it by EXT1" in error(write(program))
        assert capsys.readouterr().out == ""
    finally:
        copyreg.remove_extension("builtins", "print", 240)


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_run_nothing_either(tmp_path, zipped):
    made, file = tmp_path / "made", tmp_path / "model.pth"
    content = {"model": {"a": torch.ones(2), "b": Call(builtins.open, str(made), "w")}}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert error(file).startswith(f"{file}: refused: its pickle asks for ")
    assert "open, which arrays, tensors" in error(file)
    assert not made.exists()


def test_a_pickle_changes_nothing_that_lasts(write):
    """The opcode BUILD sets attributes on any object, also on the function that a name stands for."""
    write(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}U\x01xK\x01sb.")
    assert "holds a function instead of a mapping 'model' of tensors." in error(
        write(b"\x80\x02cnumpy\ndtype\n}U\x01xK\x01sb.")
    )
    assert [name for name, value in vars(unpickling).items() if hasattr(value, "x")] == []


def test_a_truncated_pickle(write):
    whole = pickle.dumps({"model": {"a": NUMBERS, "b": np.float32(2)}}, protocol=4)
    for length in range(2, len(whole)):
        file = write(whole[:length])
        assert error(file).startswith(f"{file}: is damaged, truncated, or not a checkpoint (")
        assert error(file).endswith("). Download it again.")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_of_torch(tmp_path, zipped):
    file = tmp_path / "model.pth"
    torch.save({"model": {"a": torch.ones(1000)}}, file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    for length in range(50, len(whole), 250):
        file.write_bytes(whole[:length])
        # If the file ends inside a name, the rest of the name is refused.
        assert error(file).startswith(
            (f"{file}: is damaged, truncated, or not a checkpoint (", f"{file}: refused: its pickle asks for ")
        )


def test_changed_bytes(write):
    """Gives other numbers or a CheckpointError, and calls no unknown name."""
    whole = pickle.dumps({"model": {"a": NUMBERS}}, protocol=4)
    for place in range(2, len(whole)):
        for value in (0, 0x28, 0x52, 0x62, 0x93, 0xFF):
            with contextlib.suppress(CheckpointError):
                read_model_tensors(write(whole[:place] + bytes([value]) + whole[place + 1 :]))


def image():
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "it is empty"),
        (b"hello world", "it begins with b'hello wo'"),
        (image(), "it begins with b'\\xff\\xd8\\xff\\xe0\\x00\\x10JF'"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it begins with b'version '"),
    ],
    ids=["nothing", "text", "an image", "a pointer"],
)
def test_foreign_files(write, content, found):
    file = write(content)
    assert error(file) == (
        f"{file}: is not a checkpoint of a detectron2 program: {found}, so it is neither a pickle nor a file of "
        "torch.save. Give its model_final_….pkl or .pth."
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, "an empty mapping"),
        ({"state_dict": {"a": NUMBERS}, "epoch": 3}, "a mapping of 'state_dict', 'epoch'"),
        (dict.fromkeys("abcdefg"), "a mapping of 'a', 'b', 'c', 'd', 'e', …"),
        ({"model": [1, 2]}, "a mapping of 'model'"),
        ([1, 2], "a list"),
        (None, "a NoneType"),
    ],
)
def test_a_pickle_without_a_model(write, content, found):
    file = write(content)
    assert error(file) == (
        f"{file}: holds {found} instead of a mapping 'model' of tensors. Give a checkpoint of a detectron2 program."
    )


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ({"a": NUMBERS, "b": "text"}, "'b' is a str"),
        ({"b": [1.0, 2.0]}, "'b' is a list"),
        ({"b": {"c": NUMBERS}}, "'b' is a mapping of 'c'"),
        ({7: NUMBERS}, "7 is an array"),
    ],
)
def test_tensors_that_are_none(write, model, found):
    file = write({"model": model})
    assert error(file) == f"{file}: model: {found}, not a tensor under its name."


@pytest.mark.parametrize(
    ("array", "code"), [(np.array([{}, None]), "O8"), (np.array([1j]), "c16"), (np.array(["a"]), "U1")]
)
def test_arrays_without_numbers(write, array, code):
    file = write({"model": {"a": array}})
    assert error(file) == (
        f"{file}: is damaged, truncated, or not a checkpoint (an array of '{code}', not of numbers). Download it again."
    )


def test_a_missing_file(tmp_path):
    file = tmp_path / "none.pkl"
    assert error(file) == f"{file}: cannot be read (No such file or directory)."
    assert error(tmp_path) == f"{tmp_path}: cannot be read (Is a directory)."
