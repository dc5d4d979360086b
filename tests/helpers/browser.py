"""Pages as a real browser shows them: Debian's chromium, where it is installed."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def screenshot(page: Path, width: int = 1200, height: int = 900, dark: bool = False) -> np.ndarray:
    """Returns the upper left of a page as pixels (H, W, 3). Skips the test where there is no browser.

    What the page tells the console, such as a refused script, fails the test.

    Args:
        page: The file.
        width: Of the window.
        height: Of the window.
        dark: As people see it whose system is dark.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        pytest.skip("chromium is not installed, which shows the page (Debian: apt install chromium)")
    file = page.with_suffix(".png")
    profile = page.with_suffix(".profile")
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    words += ["--enable-logging=stderr", f"--user-data-dir={profile}", f"--window-size={width},{height}"]
    words += ["--force-dark-mode"] if dark else []
    done = subprocess.run(
        [browser, *words, f"--screenshot={file}", page.resolve().as_uri()], capture_output=True, text=True, timeout=300
    )
    assert file.exists(), done.stderr
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
