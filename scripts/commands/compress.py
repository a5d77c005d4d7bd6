"""Compresses recordings as a worker would, and shows the savings. Needs no broker.

Without --out nothing is written: an estimate of the savings.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.policy import LOSSLESS_TYPES
from scripts.commands._json import JSON_HELP, json_file
from scripts.recordings.formats import FORMATS, add_recordings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, 1 if any file failed."""
    command_line = parser()
    options = command_line.parse_args(argv)
    if options.level in {"1", "2"} and options.format and FORMATS[options.format] not in LOSSLESS_TYPES:
        command_line.error(f"--level {options.level} is lossless and --format {options.format} is not")
    from scripts.commands import _compressing  # noqa: PLC0415  the codecs, which --help does without

    return _compressing.compress_files(options)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/compress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_recordings(made)
    made.add_argument(
        "--level",
        choices=("auto", "1", "2", "3", "4", "5"),
        default="auto",
        help="fix the level (default: %(default)s)",
    )
    made.add_argument("--format", choices=tuple(FORMATS), help="the format to write (default: chosen for each file)")
    made.add_argument("--out", type=Path, metavar="DIR", help="write the results there, in the same folders")
    made.add_argument("--dry-run", action="store_true", help="write nothing, whatever --out says")
    made.add_argument("--json", type=json_file, metavar="REPORT", help=JSON_HELP)
    return made


if __name__ == "__main__":
    sys.exit(main())
