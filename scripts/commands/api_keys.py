"""Makes, lists and revokes API keys, in the file that AUDIO_API_KEYS_FILE names.

A key is printed once, when it is made: the file has only its digest. Processes read the file again when it changes.
docs/SECURITY.md says what each role may do.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.locks import locked
from infra.secret_files import write_secret
from scripts.cli import CommandError, count, fail, say
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import Settings
from streams.security.api_keys import ApiKeys, new_key
from streams.security.principal import ALL_HOTELS
from streams.security.roles import Role

_SETTING = declared(Settings)["api_keys_file"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    command_line = parser()
    options = command_line.parse_args(argv)
    if options.file is None:
        command_line.error(f"name a --file, or set {_SETTING.variable}")
    try:
        return int(options.work(options))
    except CommandError as error:
        return fail("api_keys", str(error))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/api_keys", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = made.add_subparsers(dest="action", required=True, metavar="add|list|revoke")
    add = actions.add_parser("add", help="make a key and print it")
    add.add_argument("--role", required=True, type=Role, choices=list(Role), help="what its holder may do")
    add.add_argument(
        "--holder", required=True, type=_id, metavar="ID", help="whose it is: the person's id, which is no name"
    )
    hotels = add.add_mutually_exclusive_group(required=True)
    hotels.add_argument("--hotel", action="append", type=_id, metavar="H", help="a hotel to see; may be repeated")
    hotels.add_argument("--all-hotels", action="store_true", help="see all hotels")
    add.add_argument("--days", type=count, default=365, metavar="N", help="until it expires (default: %(default)s)")
    add.set_defaults(work=_add)
    listing = actions.add_parser("list", help="show the keys: id, holder, role, hotels, expiry, state")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(work=_list)
    revoke = actions.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("id", help="the key's id: what stands between its underscores")
    revoke.set_defaults(work=_revoke)
    for one in (add, listing, revoke):
        one.add_argument(
            "--file",
            type=Path,
            default=_SETTING.value(os.environ),
            metavar="FILE",
            help=f"the file of the keys (default: {_SETTING.variable}; now: %(default)s)",
        )
    return made


def _id(text: str) -> str:
    if not text or text == ALL_HOTELS or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is no id")
    return text


def _add(options: argparse.Namespace) -> int:
    hotels = None if options.all_hotels else frozenset(options.hotel)
    with _changing(options.file) as keys:
        lifetime = timedelta(days=options.days)
        key, stored = new_key(options.holder, options.role, hotels, now=_now(), lifetime=lifetime)
        _write(options.file, keys.with_key(stored))
    say("api_keys", f"the key {stored.id} is valid until {stored.expires:%Y-%m-%d}; it is shown this once:")
    print(key)
    return 0


def _revoke(options: argparse.Namespace) -> int:
    with _changing(options.file) as keys:
        if keys.get(options.id) is None:
            raise CommandError(f"{options.file} has no key {options.id}")
        _write(options.file, keys.revoked(options.id, _now()))
    say("api_keys", f"the key {options.id} is revoked")
    return 0


def _list(options: argparse.Namespace) -> int:
    rows = [
        {
            "id": key.id,
            "holder": key.holder,
            "role": key.role.value,
            "hotels": ALL_HOTELS if key.hotels is None else sorted(key.hotels),
            "expires": f"{key.expires:%Y-%m-%dT%H:%MZ}",
            "state": key.state(_now()),
        }
        for key in _read(options.file)
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        print("  ".join(" ".join(value) if isinstance(value, list) else value for value in row.values()))
    return 0


@contextmanager
def _changing(path: Path) -> Iterator[ApiKeys]:
    """The keys of the file, while no other command can change it."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        with locked(lock):
            yield _read(path)
    except OSError as error:
        raise CommandError(f"{lock}: {error.strerror}") from None


def _read(path: Path) -> ApiKeys:
    try:
        return ApiKeys.from_json(path.read_bytes())
    except FileNotFoundError:
        return ApiKeys()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from None


def _write(path: Path, keys: ApiKeys) -> None:
    try:
        write_secret(path, keys.to_json())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
