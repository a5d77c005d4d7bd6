"""Measures what sealing costs: a record that is sealed and opened, and a data key that is made and found."""

import argparse
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas import Record, Rejection
from scripts.benchmarks.machine import environment
from scripts.benchmarks.runs_command import run_in_directory, say_bench, write_json
from scripts.cli import count, progress_bar, writable
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.known_keys import Epoch, KnownKeys
from streams.security.sealing.sealed_record import open_record, seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner, WrappedKey, parse, rewrap

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
    parser.add_argument(
        "--worker",
        type=count,
        metavar="ROUNDS",
        help="instead: its share of a worker's processor time, in so many rounds of --count records",
    )
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.worker is not None:
        return run_in_directory(partial(_worker, options))
    rows = measure(options.count)
    for what, microseconds in rows.items():
        print(f"{what:<28} {microseconds:6.1f} µs")
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def _worker(options: argparse.Namespace, directory: Path) -> None:
    from scripts.benchmarks.sealing_share import measure_share  # noqa: PLC0415  what a worker needs

    with progress_bar() as progress:
        bar = progress.add_task("rounds", total=2 * (options.worker + 1))
        rows = measure_share(directory, options.count, options.worker, say_bench, lambda: progress.advance(bar))
    share = rows.pop("share")
    for what, microseconds in rows.items():
        print(f"{what:<28} {microseconds:6.0f} µs for a record")
    print(f"{'share of sealing':<28} {share:6.1%}")
    write_json(options.json, {**rows, "share": share, **environment(("cryptography", "aiokafka"))})


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
        value = _wrapped(epoch, key)
        keys.apply(key.id, value)
        record = Record(b"call", os.urandom(_BYTES), _HEADERS)
        sealed = seal_record(record, key)

        if isinstance(open_record(sealed, keys.find), Rejection):
            raise RuntimeError("what was sealed has to open")  # noqa: TRY004  a bug, not a type
        return {
            "seal 32 KB": _cost(lambda: seal_record(record, key), number),
            "find the key, open 32 KB": _cost(lambda: open_record(sealed, keys.find), number),
            "digest in the header alone": _cost(lambda: hashlib.sha256(record.value or b"").hexdigest(), number),
            "make and wrap a key": _cost(lambda: _wrapped(epoch, DataKey.new()), number),
            "wrap a key anew, in a turn": _cost(lambda: _rewrapped(epoch, key, value), number),
        }


def _wrapped(epoch: Epoch, key: DataKey) -> bytes:
    return epoch.wrap(key, _OWNER, created_ms=1_800_000_000_000, expires_ms=0)


def _rewrapped(epoch: Epoch, key: DataKey, value: bytes) -> None:
    wrapped = parse(value)
    if not isinstance(wrapped, WrappedKey):
        raise TypeError("it was wrapped a moment ago")
    again = rewrap(key.id, wrapped, epoch.key, epoch=epoch.number + 1, epoch_key=epoch.key, expires_ms=0)
    if isinstance(again, Rejection):
        raise TypeError(again.message)


def _cost(work: Callable[[], object], number: int) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(number):
            work()
        rounds.append((time.process_time() - began) / number * 1e6)
    return statistics.median(rounds)
