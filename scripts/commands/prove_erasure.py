"""Searches raw devices and directories for what an erasure must not leave behind: audio, keys, encoded bytes.

A device is scanned whole, with its free blocks; a directory shows only the files that it has. Compressed record
batches are decoded (gzip, snappy, lz4, zstd); compressed blocks of RocksDB are not. The file of patterns names also a
control, which is known to be there: a scan that does not find all of it proves nothing. docs/ERASURE.md says more.

Exits with 0 if nothing was found, 1 if something was, 2 if the scan proves nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.commands._json import JSON_HELP, json_file


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    from scripts.proving.proof import prove  # noqa: PLC0415  numpy, which the help does not wait for

    return prove(options)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/prove-erasure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a block device, an image, or a directory")
    made.add_argument(
        "--patterns",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON: objects erased, keys and control, each of names and hex digits",
    )
    made.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    return made


if __name__ == "__main__":
    sys.exit(main())
