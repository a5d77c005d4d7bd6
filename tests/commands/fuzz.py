"""Sends mutated audio files through the decoder sandbox, and counts what dies.

Files of every kind are mutated with knowledge of their structure: sizes and other fields get extreme numbers, chunks,
pages and frames are moved, removed or exchanged. The same seed gives the same files. Exit code 0 if no worker died and
every file was decoded or refused, 1 otherwise.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import count, end_as_interrupted, writable

_INTERRUPTED = 130  # as shells do


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    from tests.commands import _fuzzing  # noqa: PLC0415  the decoders, which --help does without

    if options.show is not None:
        return _fuzzing.show(options)
    end_as_interrupted()
    try:
        return _fuzzing.run(options)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=count, default=10_000, metavar="N", help="number of files (default: 10000)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first file (default: 0)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="determines the files (default: 1)")
    parser.add_argument(
        "--processes",
        type=count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="workers side by side (default: one for each core)",
    )
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the figures there")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="write the file of this number to --out, and exit")
    parser.add_argument("--out", type=Path, default=Path("mutant"), metavar="FILE", help="default: mutant")
    return parser


if __name__ == "__main__":
    sys.exit(main())
