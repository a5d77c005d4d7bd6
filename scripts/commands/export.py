"""Exports a hotel's calls of some days: from the topic while it has them, and from the archive afterwards."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from schemas.topics import COMPRESSED
from scripts.audit_trail.writing import Audit
from scripts.cli import add_cluster_options, cluster_of, counted, fail, run, say
from scripts.commands._collecting import Choice, collection
from scripts.commands._json import JSON_HELP, json_file
from scripts.commands._times import end_option, time_option
from scripts.object_stores import store_settings
from scripts.sealed_records import record_opener

_NAME = "export"
_EPILOG = """\
Days are in UTC, and are those on which the brokers wrote the results. What is in topic and archive is exported
once. All files are verified by their digests. Exit codes: 0 all is there; 1 something is missing, damaged, or could not
be done: the lines and the calls' manifests say what. That a call has no end is no error, as it may be under way. Only
hotels whose policy says so have an archive: ./scripts/policy set --hotel ID --archive. Segments are kept in an unnamed
temporary file meanwhile (TMPDIR).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    if options.format != "as-is":
        from scripts.commands import _call_files  # noqa: F401, PLC0415 - fails before the work begins, if at all
    return run(_NAME, _run(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/export", description=__doc__, epilog=_EPILOG)
    made.add_argument("--hotel", required=True, metavar="H", help="the hotel")
    made.add_argument(
        "--from",
        dest="since",
        type=time_option,
        required=True,
        metavar="D",
        help="the first day: 2026-11-30, yesterday or today; or a time, 2026-11-30T08:00 (UTC) or 2h",
    )
    made.add_argument(
        "--to",
        dest="until",
        type=end_option,
        metavar="D",
        help="the last day, with all of it, or a time (default: now)",
    )
    made.add_argument("--call", metavar="ID", help="only this call")
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="where: DIR/HOTEL/CALL, with a manifest")
    made.add_argument(
        "--format",
        choices=("wav", "flac", "as-is"),
        default="wav",
        help="one file for each channel, or the segments' files untouched (default: %(default)s)",
    )
    made.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    add_cluster_options(made)
    made.set_defaults(stereo=False)
    return made


async def _run(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    await cluster.check([COMPRESSED])
    until = options.until if options.until is not None else round(time.time() * 1000)
    choice = Choice(options.hotel, options.call, None, options.since, options.until, audio=True)
    async with record_opener(_NAME, cluster) as opener, Audit(cluster) as audit:
        with collection(_NAME, choice, store_settings().store_configuration, opener) as collected:
            await collected.read_topic(cluster)
            topic = collected.spool.count()
            await collected.read_archive(options.hotel, options.since, until)
            say(_NAME, f"{counted(topic, 'result')} from the topic, {collected.spool.count() - topic} from the archive")
            lacking = [problems for problems in await collected.export(options, audit) if problems]
    if lacking or collected.damaged:
        entries = f"{collected.damaged} damaged {'entry' if collected.damaged == 1 else 'entries'} of the archive"
        return fail(_NAME, f"{counted(len(lacking), 'call')} with missing or damaged segments, {entries}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
