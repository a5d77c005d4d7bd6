"""Shows, sets, tries and removes the compression policies of hotels, on the topic audio.policy.

set and remove wait until all workers have the change in force. Exit codes: 0 done; 1 nothing changed, because of an
error; 2 wrong usage; 3 the change was sent, and not every worker has said that it is in force there.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.policy import ACCEPTABLE, CACHEABLE, MAX_QUALITY, MIN_BYTES_PER_MINUTE, MIN_QUALITY
from scripts.cli import add_cluster_options, run, seconds
from scripts.commands._json import JSON_HELP, json_file
from scripts.policies import actions
from scripts.policies.draft import NONE, OPTIONS
from scripts.recordings.formats import FORMATS, add_suffix

_ACTIONS = ("show", "set", "check", "remove")
_EXAMPLES = """\
examples:
  check --recordings calls/ --ceiling-level 4     what it would do to these recordings
  set --hotel lisbon --ceiling-level 4            change one rule, the others stay
  set --hotel lisbon policy.json --worker http://10.0.0.5:8080 --worker http://10.0.0.6:8080
  remove --hotel lisbon --yes                     and --force where workers await a lost policy"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    command_line = parser()
    options = command_line.parse_args(argv)
    if options.action == "show":
        return run("policy", actions.show(options))
    if options.action == "remove":
        return run("policy", actions.remove(options))
    given = any(value is not None for value in actions.rules(options).values())
    if options.file is not None and given:
        command_line.error("name a FILE or give options, not both")
    if options.action == "set":
        if options.file is None and not given:
            command_line.error("name a FILE, or give an option such as --ceiling-level 4")
        return run("policy", actions.set_policy(options))
    if options.file is None and not given and options.hotel is None:
        command_line.error("name a FILE, give an option such as --ceiling-level 4, or name a --hotel")
    from scripts.policies import effect  # noqa: PLC0415  the codecs, which the other actions do without

    return run("policy", effect.check(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/policy",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    by_action = made.add_subparsers(dest="action", required=True, metavar="|".join(_ACTIONS))
    show = by_action.add_parser("show", help="the policies in force, or one hotel's with all its rules")
    show.add_argument("--hotel", metavar="H", help="hotel id (default: all hotels)")
    change = by_action.add_parser("set", help="replace a hotel's policy by a FILE, or change some of its rules")
    change.add_argument("--hotel", metavar="H", required=True, help="hotel id")
    change.add_argument("--dry-run", action="store_true", help="only show what would change")
    check = _checking(by_action)
    remove = by_action.add_parser("remove", help="remove a hotel's policy: the default one applies again")
    remove.add_argument("--hotel", metavar="H", required=True, help="hotel id")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.add_argument(
        "--force",
        action="store_true",
        help="also if there is none: for workers that await the hotel's policy since the topic was deleted",
    )
    for one in (change, check):
        _add_rules(one)
    for one in (change, remove):
        _add_waiting(one)
    for one in (show, check):
        one.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    for one in (show, change, check, remove):
        add_cluster_options(one)
    return made


def _checking(by_action: Any) -> argparse.ArgumentParser:  # noqa: ANN401  argparse names no public type for it
    check: argparse.ArgumentParser = by_action.add_parser(
        "check", help="show what a policy would do to recordings; sends nothing"
    )
    check.add_argument(
        "--hotel",
        metavar="H",
        help="compare with this hotel's policy; without a new one, that with the default one (default: no Kafka)",
    )
    check.add_argument(
        "--recordings",
        metavar="PATH",
        type=Path,
        action="append",
        required=True,
        help="a recording, or a folder of them; may be repeated",
    )
    add_suffix(check)
    return check


def _add_rules(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="the whole policy as JSON (schemas/policy.schema.json); the version in it is replaced",
    )
    texts = {
        "floorLevel": "lowest level, 1 to 5",
        "ceilingLevel": "highest level, 1 to 5",
        "defaultLevel": "level without a reason for another one",
        "accept": f"formats that may be sent, preferred ones first, with commas: {', '.join(FORMATS)}, or media types "
        f"({', '.join(ACCEPTABLE)})",
        "minQuality": f"lowest predicted quality, {MIN_QUALITY:g} to {MAX_QUALITY:g}",
        "maxBytesPerMinute": f"largest size of a minute in bytes, {MIN_BYTES_PER_MINUTE} or more",
        "retentionDays": "days after which a sealed call cannot be opened any more",
        "cacheChannels": f"channels whose repeated audio may be cached, with commas: {', '.join(CACHEABLE)}",
    }
    rules = made.add_argument_group("rules", f"What no option names stays; {NONE} takes a rule away.")
    for name, text in texts.items():
        rules.add_argument(OPTIONS[name], dest=name, metavar="X", help=text)
    flags = {
        "legalHold": "keep everything without loss, and erase nothing",
        "archive": "keep results in the object stores beyond the retention of their topic",
        "sealed": "seal results and dead letters under a key for each call",
    }
    for name, text in flags.items():
        rules.add_argument(OPTIONS[name], dest=name, action=argparse.BooleanOptionalAction, help=text)


def _add_waiting(made: argparse.ArgumentParser) -> None:
    waiting = made.add_argument_group("waiting")
    waiting.add_argument(
        "--worker",
        action="append",
        type=_url,
        metavar="URL",
        help="a worker to ask, such as http://10.0.0.5:8080; may be repeated (default: http://AUDIO_HTTP_HOST:"
        "AUDIO_HTTP_PORT, or https; SSL_CERT_FILE names who vouches for certificates that the system does not trust)",
    )
    waiting.add_argument(
        "--timeout", type=seconds, default=30.0, metavar="S", help="longest time to wait (default: %(default)g seconds)"
    )
    waiting.add_argument("--no-wait", action="store_true", help="do not ask any worker")


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} does not begin with http:// or https://")
    return text


if __name__ == "__main__":
    sys.exit(main())
