"""`python -m segkit`: the console command, where it is not on the path."""

import sys

from segkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
