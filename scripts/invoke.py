"""Runs a command whose output may be closed before its end, as `| head` does: `python -m scripts.invoke MODULE ...`.

Imports nothing slow.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from scripts.closed_output import discard_output


def invoke(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run the main function of a command.

    Args:
        main: Gets the arguments, returns the exit code, and may raise SystemExit, as argparse does.
        arguments: Its command line.

    Returns:
        The exit code, which is that of a closed output if there was one.
    """
    if sys.stdout is None:  # closed from the beginning, as by `>&-`
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  it lives as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may have what the terminal's encoding has not
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return int(main(arguments))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        return discard_output()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"{error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
        discard_output()
        return 1


if __name__ == "__main__":
    sys.exit(invoke(lambda arguments: import_module(sys.argv[1]).main(arguments), sys.argv[2:]))
