"""Compare segkit's speed and memory with another program's, on equal inputs and equal outputs."""

import sys

from benchmarking.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
