"""The action ``gc`` of the command ``stores``: finds and removes what nothing names any more."""

import argparse

from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, RECORDINGS
from scripts.cli import add_cluster_options, cluster_of, counted, say
from scripts.garbage import Garbage, find, sweep
from scripts.object_stores import object_stores
from streams.runtime.setting_kinds import parse_seconds

_HOUR = 3600.0
_DEFAULT = "24h"

EPILOG = """\
gc reads all topics and the archive, and removes objects below sha256/ that nothing there names and that have not been
stored again for --older-than. The stores must belong to this installation alone: what others name is not known here.
"""


def add_gc(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to a command line."""
    summary = "remove what nothing names any more, such as what killed workers leave behind"
    made = actions.add_parser("gc", help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=EPILOG)
    made.add_argument("--dry-run", action="store_true", help="only show what would be removed")
    made.add_argument(
        "--older-than",
        type=_age,
        default=_DEFAULT,
        metavar="T",
        help="leave what was stored within that time: an hour or more, such as 2h (default: %(default)s)",
    )
    add_cluster_options(made)


async def gc(options: argparse.Namespace) -> int:
    """Find and remove garbage; returns the exit code."""
    cluster = cluster_of(options)
    await cluster.check([RAW, RECORDINGS, COMPRESSED, DEAD_LETTER])
    with object_stores() as claim_check:
        stores = claim_check.stores
        garbage = await find(cluster, stores, options.older_than)
        _tell(garbage)
        if options.dry_run:
            for one in garbage.content:
                print(one.reference)
            say("stores", "nothing was removed")
            return 0
        removed = await sweep(stores, garbage)
    kept = len(garbage.content) - removed
    again = f"; {kept} stayed, as they were stored again meanwhile" if kept else ""
    print(f"{counted(removed, 'object')} removed{again}")
    return 0


def _tell(garbage: Garbage) -> None:
    size = f"{garbage.bytes:,} bytes"
    print(
        f"{garbage.stored} stored below sha256/, {counted(len(garbage.content), 'object')} that nothing names ({size})"
    )
    if garbage.waiting is not None and garbage.waiting == garbage.before:
        when = f"{garbage.waiting:%Y-%m-%d %H:%M:%SZ}"
        say(
            "stores",
            f"what was stored since {when} is left: the oldest input that is not processed yet was written then",
        )


def _age(text: str) -> float:
    try:
        seconds = parse_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    if seconds < _HOUR:
        raise argparse.ArgumentTypeError(f"{text} is less than an hour, and a result may wait so long for its commit")
    return seconds
