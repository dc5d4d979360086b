"""`segkit report`, for those who like a script."""

import sys

from segkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["report", *sys.argv[1:]]))
