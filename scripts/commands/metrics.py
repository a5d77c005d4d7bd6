"""Prints the catalogue of a worker's metrics: names, labels, units, meanings, and what to do about them."""

import argparse
import sys
from collections.abc import Sequence

from streams.telemetry.metrics.document import catalogue


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    argparse.ArgumentParser(
        prog="scripts/metrics",
        description=__doc__,
        epilog="After a change of the catalogue: ./scripts/metrics > docs/METRICS.md",
    ).parse_args(argv)
    print(catalogue(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
