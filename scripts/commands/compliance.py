"""Prints controls of SOC 2, ISO 27001, GDPR and OWASP ASVS beside the tests that show them, and their last result."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import fail
from scripts.compliance_page import PAGE, document, last_of, mapping, run_of


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 1 if a test that is named has failed."""
    options = parser().parse_args(argv)
    try:
        run = None if options.results is None else last_of([run_of(file) for file in options.results])
    except (OSError, ValueError) as error:
        return fail("compliance", str(error))
    standards = mapping()
    page = document(standards, run)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    else:
        print(page, end="")
    if run is None:
        return 0
    names = {name for standard in standards for control in standard.controls for name in control.names()}
    counted = Counter(run.outcomes.get(name, "not run") for name in names)
    print(", ".join(f"{counted[one]} {one}" for one in ("passed", "failed", "not run")), file=sys.stderr)
    return 1 if counted["failed"] else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/compliance",
        description=__doc__,
        epilog="After a change of docs/compliance.yaml: ./scripts/compliance --write",
    )
    made.add_argument(
        "--results",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="results of tests, as ./scripts/test --junitxml=FILE writes them; of several runs, the last result counts",
    )
    made.add_argument("--write", action="store_true", help="write docs/COMPLIANCE.md instead")
    return made


if __name__ == "__main__":
    sys.exit(main())
