"""Runs one process of the HTTP API in the foreground."""

import argparse
import sys
from collections.abc import Sequence

from agents import signals

_EPILOG = """\
It logs to standard error, as text at a terminal and as JSON lines elsewhere, and stops cleanly on SIGTERM, SIGINT and
SIGHUP. Any number of processes may run side by side, each with its own AUDIO_STATE_DIR. /openapi.json describes all
routes. Without keys, tokens and identity provider it is open, and serves this machine alone. Exit codes: 0 stopped,
1 failed or could not start, 2 a setting is wrong.

settings, from the environment:
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and run; returns the exit code."""
    signals.exit_on_stop_signal()
    options = parser().parse_args(argv)
    if options.reference:
        return _print_reference()
    from agents import api  # noqa: PLC0415  takes a second or two, during which a signal may stop the process

    return api.main()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    from streams.runtime.api_settings import ApiSettings  # noqa: PLC0415  imports aiokafka, and a signal may come
    from streams.runtime.settings_document import help_text  # noqa: PLC0415  as above

    made = argparse.ArgumentParser(
        prog="scripts/api",
        description=__doc__,
        epilog=_EPILOG + help_text(ApiSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--reference", action="store_true", help="print the reference of all routes, and do not run")
    return made


def _print_reference() -> int:
    from streams.api.reference import reference  # noqa: PLC0415  only for this
    from streams.api.routes import ROUTES  # noqa: PLC0415  as above

    print(reference(ROUTES), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
