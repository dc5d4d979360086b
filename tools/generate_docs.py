"""Write the generated pages of docs/: config.md, parts.md and zoo.md."""

import argparse
from pathlib import Path

from documentation.config_page import config_page
from documentation.parts_page import parts_page
from documentation.zoo_page import zoo_page

PAGES = {"config.md": config_page, "parts.md": parts_page, "zoo.md": zoo_page}
DOCS = Path(__file__).parents[1] / "docs"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tools/generate_docs.py", description=__doc__)
    parser.add_argument("--output", metavar="DIR", type=Path, default=DOCS, help="the folder to write (default: docs)")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
        print(f"wrote {folder / name}")
