"""Searches raw devices and directories for what an erasure must not leave behind: audio, keys, encoded bytes.

A device is scanned whole, with its free blocks; a directory shows only the files that it has. Compressed record
batches are decoded (gzip, snappy, lz4, zstd); compressed blocks of RocksDB are not. The file of patterns names also a
control, which is known to be there: a scan that does not find all of it proves nothing. `prove-erasure capture` writes
such a file before an erasure: bytes of all that the installation has of a call or a guest, and its keys.
docs/ERASURE.md says more.

Exits with 0 if nothing was found, 1 if something was, 2 if the scan proves nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import add_cluster_options, run, writable
from scripts.commands._json import JSON_HELP, json_file

_CAPTURE = "capture"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == [_CAPTURE]:
        return _captured(arguments[1:])
    options = parser().parse_args(arguments)
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


def capture_parser() -> argparse.ArgumentParser:
    """The command line of ``prove-erasure capture``."""
    made = argparse.ArgumentParser(
        prog=f"scripts/prove-erasure {_CAPTURE}",
        description="Writes what a search after an erasure looks for, for its owner alone: bytes of the audio in"
        " inputs, results, dead letters and stored objects as they would be in clear, digests, the guest's reference,"
        " and the keys. Run it before the erasure, with the rights of the role operator and the key store.",
    )
    made.add_argument("--hotel", required=True, metavar="H", help="whose calls")
    which = made.add_mutually_exclusive_group(required=True)
    which.add_argument("--call", metavar="C", help="this call")
    which.add_argument("--guest", metavar="G", help="all calls of this guest, by the hotel's reference (ce_guestref)")
    made.add_argument(
        "--out", type=writable, required=True, metavar="FILE", help="the file; it must not lie on what is scanned"
    )
    add_cluster_options(made)
    return made


def _captured(arguments: Sequence[str]) -> int:
    options = capture_parser().parse_args(arguments)
    from scripts.proving.capture import capture  # noqa: PLC0415  cryptography, which the help does without

    return run(f"prove-erasure {_CAPTURE}", capture(options))


if __name__ == "__main__":
    sys.exit(main())
