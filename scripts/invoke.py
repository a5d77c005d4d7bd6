"""Runs a command whose output may be closed before its end, as `| head` does: `python -m scripts.invoke MODULE ...`.

Imports nothing slow.
"""

import io
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from scripts.closed_output import discard_output


def invoke(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run the main function of a command.

    Args:
        main: Gets the arguments, returns the exit code, and may raise SystemExit, as argparse does.
        arguments: Its command line.

    Returns:
        The exit code, which is that of a closed output if there was one.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may have what the terminal's encoding has not
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return int(main(arguments))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        return discard_output()


if __name__ == "__main__":
    sys.exit(invoke(lambda arguments: import_module(sys.argv[1]).main(arguments), sys.argv[2:]))
