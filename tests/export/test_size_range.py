import pytest

from segkit.errors import ExportError
from segkit.export.size_range import SizeRange, size_range


def test_a_fixed_size():
    sizes = size_range("48x64", 32)
    assert sizes == SizeRange((48, 64), (48, 64))
    assert sizes.examples() == [(48, 64)]


def test_a_range():
    sizes = size_range("64-200", 32)
    assert (64, 200) in sizes
    assert (63, 100) not in sizes
    assert (64, 201) not in sizes
    assert len(sizes.examples()) == 5
    assert all(size in sizes for size in sizes.examples())


@pytest.mark.parametrize("text", ["", "64", "64x", "0x64", "64x64x3", "-64", "small"])
def test_no_size(text):
    with pytest.raises(ExportError) as error:
        size_range(text, 32)
    assert str(error.value) == (f"size: '{text}' is no size. Write dynamic, HEIGHTxWIDTH such as 480x640, or 64-1024.")


@pytest.mark.parametrize("text", ["32-64", "100-64"])
def test_no_range(text):
    with pytest.raises(ExportError) as error:
        size_range(text, 32)
    assert str(error.value) == (
        "size: a range of this model must begin above 32, its coarsest stride, and end above its beginning. "
        f"'{text}' does not."
    )


def test_a_range_of_one_size():
    with pytest.raises(ExportError) as error:
        size_range("64-64", 32)
    assert str(error.value) == "size: '64-64' is one size. Write 64x64."
