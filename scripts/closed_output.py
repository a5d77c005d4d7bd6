"""What a command does when the reader of its output has closed it, as `| head` does. Imports nothing slow."""

import os
import sys

_EXIT_CODE = 141  # as shells report SIGPIPE


def discard_output() -> int:
    """Discard the rest of standard output, which the interpreter flushes when it ends; returns the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _EXIT_CODE
