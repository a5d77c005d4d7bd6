"""Runs one worker in the foreground."""

import argparse
import sys
from collections.abc import Sequence

from agents import signals

_EPILOG = """\
The worker logs to standard error, as text at a terminal and as JSON lines elsewhere. It serves /health/live,
/health/ready and /metrics on AUDIO_HTTP_PORT, and /admin/audio/status for who sends AUDIO_ADMIN_TOKEN. It stops cleanly
on SIGTERM, SIGINT and SIGHUP. Exit codes: 0 stopped, 1 failed or could not start, 2 a setting is wrong, 3 everything
was going to the dead letters.

settings, from the environment:
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the (empty) command line and run; returns the exit code."""
    signals.exit_on_stop_signal()
    parser().parse_args(argv)
    from agents import worker  # noqa: PLC0415  takes a second or two, during which a signal may stop the worker

    return worker.main()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    from streams.runtime.settings import Settings  # noqa: PLC0415  imports aiokafka, and a signal may come meanwhile
    from streams.runtime.settings_document import help_text  # noqa: PLC0415  as above

    return argparse.ArgumentParser(
        prog="scripts/worker",
        description=__doc__,
        epilog=_EPILOG + help_text(Settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    sys.exit(main())
