"""`segkit export`, for those who like a script."""

import sys

from segkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
