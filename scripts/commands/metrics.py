"""Prints the catalogue of a worker's metrics: names, labels, units, meanings and advice."""

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser().parse_args(argv)
    from streams.telemetry.metrics.document import catalogue  # noqa: PLC0415  slow to import, and --help does not need it

    print(catalogue(), end="")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return argparse.ArgumentParser(
        prog="scripts/metrics",
        description=__doc__,
        epilog="After a change of the catalogue: ./scripts/metrics > docs/METRICS.md",
    )


if __name__ == "__main__":
    sys.exit(main())
