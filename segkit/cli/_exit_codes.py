"""The exit codes of all commands. docs/scaling.md tells what a scheduler does with each."""

DONE = 0
"""All is done."""

FAILED = 1
"""An error that the user must mend, told in one line. Uncaught exceptions, which are faults in segkit, have it too."""

WRONG_USAGE = 2
"""The words of the command line or the config are wrong. Nothing was begun."""

STOPPED = 75
"""A training was stopped and saved; the same command with `--resume` goes on. The number is EX_TEMPFAIL of sysexits.h:
a failure that is over when the command is tried again."""

INTERRUPTED = 130
"""Ctrl-C: 128 + SIGINT, as a shell reports it."""

PIPE_CLOSED = 141
"""Whoever read the output, such as `head`, has ended: 128 + SIGPIPE, as a shell reports it."""

TERMINATED = 143
"""SIGTERM ended a command other than a training: 128 + SIGTERM."""
