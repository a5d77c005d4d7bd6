"""Measures what sealing costs: a record that is sealed and opened, and a data key that is made and found."""

import argparse
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas import Record, Rejection
from scripts.cli import count, writable
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.known_keys import Epoch, KnownKeys
from streams.security.sealing.sealed_record import open_record, seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner

_BYTES = 32 * 2**10
_ROUNDS = 7
_HEADERS = (
    ("ce_id", b"5f0c2a9d-1b7e-4c36-9f10-7d2b8c4e6a01"),
    ("ce_source", b"/hotel-audio"),
    ("ce_sha256", b"0" * 64),
    ("ce_pcmsha256", b"0" * 64),
    ("content-type", b"audio/flac"),
)
_OWNER = Owner("seaside", "call-2026-11-30-000017", "guest-7")


def add_sealing(parser: argparse.ArgumentParser) -> None:
    """Give the bench its options."""
    parser.add_argument("--count", type=count, default=2000, metavar="N", help="of each round (default: %(default)s)")
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    rows = measure(options.count)
    for what, microseconds in rows.items():
        print(f"{what:<28} {microseconds:6.1f} µs")
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def measure(number: int) -> dict[str, float]:
    """Microseconds of this process's CPU for each operation: the median of some rounds.

    Args:
        number: Operations of a round.
    """
    with TemporaryDirectory() as directory:
        store = SlotFile.make(Path(directory) / "keys")
        keys = KnownKeys(lambda: store)
        keys.read_epochs()
        epoch, key = keys.newest, DataKey.new()
        if epoch is None:
            raise RuntimeError("a new key store has an epoch")
        keys.apply(key.id, _wrapped(epoch, key))
        record = Record(b"call", os.urandom(_BYTES), _HEADERS)
        sealed = seal_record(record, key)

        if isinstance(open_record(sealed, keys.find), Rejection):
            raise RuntimeError("what was sealed has to open")  # noqa: TRY004  a bug, not a type
        return {
            "seal 32 KB": _cost(lambda: seal_record(record, key), number),
            "find the key, open 32 KB": _cost(lambda: open_record(sealed, keys.find), number),
            "digest in the header alone": _cost(lambda: hashlib.sha256(record.value or b"").hexdigest(), number),
            "make and wrap a key": _cost(lambda: _wrapped(epoch, DataKey.new()), number),
        }


def _wrapped(epoch: Epoch, key: DataKey) -> bytes:
    return epoch.wrap(key, _OWNER, created_ms=1_800_000_000_000, expires_ms=0)


def _cost(work: Callable[[], object], number: int) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(number):
            work()
        rounds.append((time.process_time() - began) / number * 1e6)
    return statistics.median(rounds)
