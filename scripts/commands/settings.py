"""Prints the tables of settings, as README.md and docs/MONITORING_RUNBOOK.md have them, from the declarations."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.command_settings import MonitoringSettings
from streams.runtime.api_settings import ApiSettings
from streams.runtime.settings import Settings
from streams.runtime.settings_document import TABLE_HEAD, table

_PROJECT = Path(__file__).resolve().parents[2]
_DOCUMENTS: dict[str, type[Any]] = {
    "README.md": Settings,
    "docs/HTTP_API.md": ApiSettings,
    "docs/MONITORING_RUNBOOK.md": MonitoringSettings,
}
_TABLE = re.compile(rf"^{re.escape(TABLE_HEAD)}\n(?:\|.*\n)+", re.MULTILINE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/settings",
        description=__doc__,
        epilog="After a change of a declaration: ./scripts/settings --write",
    )
    parser.add_argument("--write", action="store_true", help="write the tables into the documents instead")
    options = parser.parse_args(argv)
    for name, settings in _DOCUMENTS.items():
        if options.write:
            document = _PROJECT / name
            document.write_text(with_table(document.read_text(), table(settings)))
        else:
            print(f"{name}\n\n{table(settings)}")
    return 0


def with_table(document: str, new: str) -> str:
    """Replace the table of settings in a document."""
    return _TABLE.sub(lambda _: new, document)


if __name__ == "__main__":
    sys.exit(main())
