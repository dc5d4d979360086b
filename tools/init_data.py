"""`segkit init-data`, for those who like a script."""

import sys

from segkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["init-data", *sys.argv[1:]]))
