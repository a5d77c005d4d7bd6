"""Lists and exports whole calls from the topic audio.compressed: their segments in order, without a sample between."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.raw_audio import CHANNELS
from schemas.topics import COMPRESSED
from scripts.audit_trail.writing import Audit
from scripts.cli import add_cluster_options, cluster_of, run
from scripts.commands._collecting import Choice, collection
from scripts.commands._json import JSON_HELP, json_file, write_json
from scripts.commands._manifests import table_of
from scripts.commands._times import time_option
from scripts.object_stores import store_settings
from scripts.sealed_records import record_opener
from scripts.tables import report_console
from streams.clients.manifests import summary

_NAME = "calls"
_EPILOG = """\
Times are those at which the brokers wrote the results. A call that began before --since, or is still under way, is
listed and exported as far as its results are there, and is told as incomplete: so are calls without ce_final, and those
with missing or damaged segments, which become silence of their length. That is no error: the exit code is 1 only where
something could not be done. Segments are kept in an unnamed temporary file while the topic is read (TMPDIR).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    made = parser()
    options = made.parse_args(argv)
    if options.action == "export":
        if options.stereo and options.format == "as-is":
            made.error("--stereo goes with --format wav or flac")
        if options.format != "as-is":
            from scripts.commands import _call_files  # noqa: F401, PLC0415 - fails before the work begins, if at all
    return run(_NAME, _run(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/calls", description=__doc__, epilog=_EPILOG)
    actions = made.add_subparsers(dest="action", required=True, metavar="list|export")
    listing = actions.add_parser(
        "list",
        help="a table of the calls; --hotel, --call, --channel, --since and --until choose them, --json is for scripts",
        epilog=_EPILOG,
    )
    export = actions.add_parser(
        "export",
        help="write each call and a manifest to --out DIR, in DIR/HOTEL/CALL; also --format and --stereo",
        epilog=_EPILOG,
    )
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="directory of all calls")
    export.add_argument(
        "--format",
        choices=("wav", "flac", "as-is"),
        default="wav",
        help="one file for each channel, or the segments' files untouched (default: %(default)s)",
    )
    export.add_argument("--stereo", action="store_true", help="guest left and agent right, in one file")
    for action in (listing, export):
        _add_choice(action)
        action.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
        add_cluster_options(action)
    return made


def _add_choice(action: argparse.ArgumentParser) -> None:
    which = action.add_argument_group("which ones")
    which.add_argument("--hotel", metavar="ID", help="of this hotel")
    which.add_argument("--call", metavar="ID", help="this call")
    which.add_argument("--channel", choices=CHANNELS, help="only this channel of each call")
    which.add_argument(
        "--since",
        type=time_option,
        metavar="TIME",
        help="results since then: yesterday, today, 2026-11-30T08:00 (UTC), or 2h (default: all)",
    )
    which.add_argument("--until", type=time_option, metavar="TIME", help="results before then (default: until now)")


async def _run(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    await cluster.check([COMPRESSED])
    exporting = options.action == "export"
    choice = Choice(options.hotel, options.call, options.channel, options.since, options.until, audio=exporting)
    async with record_opener(_NAME, cluster) as opener:
        with collection(_NAME, choice, store_settings().store_configuration, opener) as collected:
            if not exporting:
                await collected.read_topic(cluster)
                _list(options, [summary(call) for call in collected.calls()])
                return 0
            async with Audit(cluster) as audit:
                await collected.read_topic(cluster)
                await collected.export(options, audit)
    return 0


def _list(options: argparse.Namespace, found: list[dict[str, Any]]) -> None:
    if options.json is not None:
        write_json(options.json, found)
    if found and options.json != "-":
        report_console().print(table_of(found))


if __name__ == "__main__":
    sys.exit(main())
