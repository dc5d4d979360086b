"""Text files, in whatever Unicode encoding a tool wrote them."""

import codecs
from pathlib import Path

from segkit.errors import DataError
from segkit.runtime.reading import read_bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order mark at the begin of a file -> its encoding. That of UTF-32 begins with that of UTF-16."""


def read_text(path: Path, what: str) -> str:
    """Reads a text file in UTF-8, or in the encoding that its byte order mark names.

    Args:
        path: The file.
        what: What it holds, for messages: `a class list`.

    Raises:
        DataError: the file cannot be read, or is in another encoding.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "names.txt")
        ...     _ = file.write_bytes(codecs.BOM_UTF8 + b"road")
        ...     read_text(file, "a class list")
        'road'
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{path}: cannot read {what} ({error.strerror}). Correct the path.") from None
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}: line {line} is not text in {encoding.upper()} (byte {data[error.start]:#04x}). Save the file as "
            f"UTF-8; it may be in Latin-1 or another encoding of one byte a character."
        ) from None
    if "\0" in text:
        raise DataError(f"{path}: it holds zero bytes. Save the file as text in UTF-8.")
    return text
