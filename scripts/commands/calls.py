"""Lists and exports whole calls from the topic audio.compressed: their segments in order, without a sample between."""

import argparse
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas import Rejection
from schemas.raw_audio import CHANNELS
from schemas.topics import COMPRESSED
from scripts.cli import (
    Cluster,
    CommandError,
    add_cluster_options,
    cluster_of,
    progress_bar,
    run,
    say,
)
from scripts.commands._exporting import export, line
from scripts.commands._json import JSON_HELP, json_file, write_json
from scripts.commands._manifests import table_of
from scripts.commands._spool import Spool
from scripts.commands._times import time_option
from scripts.tables import report_console
from streams.clients.assembling import assemble
from streams.clients.calls import Call
from streams.clients.manifests import summary
from streams.clients.results import ResultReader

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
    spool = Spool()
    try:
        await _read(cluster, options, spool)
        return _export(options, spool) if options.action == "export" else _list(options, spool)
    except sqlite3.Error as error:
        raise CommandError(f"the temporary file for segments cannot be used: {error}") from error
    finally:
        spool.close()


async def _read(cluster: Cluster, options: argparse.Namespace, spool: Spool) -> None:
    """Keep the chosen results; tells of records that are none."""
    odd: list[Rejection] = []
    async with ResultReader(cluster.connection, cluster.topic(COMPRESSED)) as reader:
        chosen = await reader.range(options.since, options.until)
        with progress_bar() as progress:
            bar = progress.add_task("reading", total=chosen.offsets)
            async for one in reader.results(chosen, lambda offsets: progress.advance(bar, offsets)):
                if isinstance(one, Rejection):
                    odd.append(one)
                elif options.hotel in (None, one.result.hotel_id) and options.call in (None, one.result.call_id):
                    wanted = options.channel in (None, one.result.channel)
                    spool.add(one, audio=options.action == "export" and wanted)
    if odd:
        say(_NAME, f"skipped {len(odd)} records that are no results, the first one because {odd[0].message}")


def _list(options: argparse.Namespace, spool: Spool) -> int:
    found = [summary(call) for call in _calls(options, spool)]
    if options.json is not None:
        write_json(options.json, found)
    if found and options.json != "-":
        report_console().print(table_of(found))
    return 0


def _export(options: argparse.Namespace, spool: Spool) -> int:
    manifests: list[dict[str, Any]] = []
    for manifest in export(_calls(options, spool), spool.count(), spool, options):
        if options.json is not None:
            manifests.append(manifest)
        if options.json != "-":
            print(line(manifest), flush=True)
    if options.json is not None:
        write_json(options.json, manifests)
    return 0


def _calls(options: argparse.Namespace, spool: Spool) -> Iterator[Call]:
    """The chosen calls, one after the other."""
    found = False
    for hotel_id, call_id in spool.calls():
        call = assemble(spool.segments(hotel_id, call_id))
        if options.channel is not None:
            call = replace(call, tracks=tuple(one for one in call.tracks if one.channel == options.channel))
        if call.tracks:
            found = True
            yield call
    if not found:
        if options.call is not None:
            raise CommandError(f"no result is of call {options.call!r} and of the chosen hotel, channel and time")
        say(_NAME, "no result is of the chosen hotel, channel and time")


if __name__ == "__main__":
    sys.exit(main())
