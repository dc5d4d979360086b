"""Images as PNG files."""

from pathlib import Path

from PIL import Image

from segkit.runtime.writing import replace_file


def save_png(image: Image.Image, path: Path) -> None:
    """Writes a PNG, which gets its name when it is complete. A missing folder is made.

    Raises:
        WriteError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "label_maps" / "a.png"
        >>> save_png(Image.new("L", (3, 2)), path)
        >>> Image.open(path).size
        (3, 2)
    """
    with replace_file(path, durable=False) as draft:
        image.save(draft, format="PNG")
