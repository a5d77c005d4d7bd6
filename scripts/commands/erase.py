"""Erases calls: within 5 seconds, nobody can open any more what of theirs is sealed.

Every key of the calls in the topic audio.keys gives way to a mark. That is logical: a backup of topic and key store
still opens the calls, until the next turn of the keys (./scripts/keys turn, or --now). What is not sealed is not erased
by this; docs/ERASURE.md says more. Many calls at a time, other than those of one guest, need two people: one makes a
request, another approves it. Exit codes: 0 done; 1 an error; 2 wrong usage; 3 a legal hold, nothing was erased.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import add_cluster_options, run, writable
from scripts.commands._times import time_option

_EXAMPLES = """\
examples:
  --hotel lisbon --call 1769851800.4711 --receipt receipt.json
  --hotel lisbon --guest 8b1f --now                   and turn the keys at once, which makes it final
  --hotel lisbon --before 2026-01-01 --request r.json ask for it
  --approve r.json                                    and do it, as somebody else"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    command_line = parser()
    options = command_line.parse_args(argv)
    problem = _problem_of(options)
    if problem is not None:
        command_line.error(problem)
    from scripts.erasing import actions  # noqa: PLC0415  cryptography, which the help does without

    return run("erase", actions.erase(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/erase",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--hotel", metavar="H", help="whose calls")
    which = made.add_mutually_exclusive_group(required=True)
    which.add_argument("--call", metavar="C", help="this call")
    which.add_argument("--guest", metavar="G", help="all calls of this guest, by the hotel's reference (ce_guestref)")
    which.add_argument("--calls", type=Path, metavar="FILE", help="the calls that a file names, one id a line")
    which.add_argument(
        "--before", type=time_option, metavar="DATE", help="all calls that began before 2026-11-30 (UTC), or 90d ago"
    )
    which.add_argument("--approve", type=Path, metavar="FILE", help="what somebody else has asked for")
    made.add_argument("--request", type=writable, metavar="FILE", help="only ask for it: write what another approves")
    made.add_argument("--dry-run", action="store_true", help="only show what would be erased")
    made.add_argument("--now", action="store_true", help="turn the keys afterwards: takes a minute, and makes it final")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument("--receipt", type=writable, metavar="FILE", help="write a receipt, for audit check-receipt")
    add_cluster_options(made)
    return made


def _problem_of(options: argparse.Namespace) -> str | None:
    """Report options that exclude each other."""
    if (options.hotel is None) != (options.approve is not None):
        return "name the --hotel, except with --approve, whose file says it"
    if options.request is not None and (options.approve or options.dry_run or options.now or options.receipt):
        return "--request erases nothing: give --now, --receipt and --dry-run when it is approved"
    if options.dry_run and (options.now or options.receipt):
        return "--dry-run erases nothing: it goes with neither --now nor --receipt"
    return None


if __name__ == "__main__":
    sys.exit(main())
