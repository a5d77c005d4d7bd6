"""Demonstrates the product: sends calls of a few hotels through genuine Kafka and a worker, and checks the results."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import writable
from scripts.recordings.formats import suffixes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    from scripts.demonstration import running  # noqa: PLC0415  the codecs, which --help does without

    return running.demonstrate(
        options.json, options.out, options.recording, keep=options.keep, secure=options.secure, console=options.console
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    made.add_argument(
        "--recording",
        nargs="+",
        type=Path,
        default=(),
        metavar="FILE",
        help="send these recordings instead, each as a call; those larger than AUDIO_INLINE_LIMIT by reference, beside "
        f"the calls ({suffixes()})",
    )
    made.add_argument(
        "--secure",
        action="store_true",
        help="on a Kafka with TLS and an account for each role; also shows what is refused, the audit and the doctor",
    )
    made.add_argument(
        "--no-console",
        dest="console",
        action="store_false",
        help="start no HTTP API with its console (--secure starts none in any case)",
    )
    made.add_argument("--json", type=writable, metavar="FILE", help="also write the report there, as JSON")
    made.add_argument("--keep", action="store_true", help="leave Kafka, the worker and the console running")
    made.add_argument(
        "--out", type=Path, metavar="DIR", help="save the results there (default: a directory of this run under .run)"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
