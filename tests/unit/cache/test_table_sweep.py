"""The sweep of the cache table, on a sorted dictionary."""

from collections.abc import Iterator

import numpy as np

from streams.cache.entry import Entry, pack
from streams.cache.table_sweep import ShardSweep
from streams.codecs import Encoded

NOW = 1e9


class Shard:
    """Entries in a dictionary, written and removed as in the table."""

    def __init__(self, budget: int) -> None:
        self.values: dict[bytes, bytes] = {}
        self.sweep = ShardSweep(budget)

    def entries(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(item for item in self.values.items() if item[0] >= start))

    def put(self, number: int, expires: float, size: int = 1000) -> None:
        key = number.to_bytes(32)
        value = pack(Entry(Encoded(bytes(size), "audio/flac", "flac", "libFLAC", 5.0), expires, NOW, None))
        old = len(key) + len(self.values[key]) if key in self.values else 0
        self.values[key] = value
        self.sweep.note(key, len(key) + len(value) - old)

    def step(self) -> list[tuple[int, str]]:
        removals = self.sweep.step(self.entries, NOW)
        for key, _ in removals:
            del self.values[key]
        return [(int.from_bytes(key), reason) for key, reason in removals]

    @property
    def size(self) -> int:
        return sum(len(key) + len(value) for key, value in self.values.items())


def test_expired_entries_go_and_others_stay() -> None:
    shard = Shard(10**6)
    for number in range(100):
        shard.put(number, NOW + (1 if number % 2 else 0))
    removed = [pair for _ in range(3) for pair in shard.step()]
    assert removed == [(number, "expired") for number in range(0, 100, 2)]
    assert shard.sweep.size == shard.size


def test_a_step_is_bounded() -> None:
    shard = Shard(10**9)
    for number in range(1000):
        shard.put(number, NOW)
    assert len(shard.step()) == 64


def test_entries_above_the_size_are_removed_by_expiry() -> None:
    shard = Shard(20_000)
    for number in range(40):
        shard.put(number, NOW + 1000 - number)
    removed = shard.step()
    assert [number for number, _ in removed] == list(range(39, 39 - len(removed), -1))
    assert {reason for _, reason in removed} == {"room"}
    assert shard.size <= 20_000 < shard.size + 1200


def test_the_size_is_right_after_a_round_whatever_was_written_meanwhile() -> None:
    shard = Shard(10**9)
    chance = np.random.default_rng(5)
    for _ in range(60):
        for number in chance.integers(0, 500, 20):
            shard.put(int(number), NOW + float(chance.integers(-1, 50)), int(chance.integers(100, 5000)))
        shard.step()
    assert shard.sweep.size == shard.size


def test_existing_entries_are_counted_in_the_first_round() -> None:
    shard = Shard(10**9)
    for number in range(150):
        shard.put(number, NOW + 1)
    shard.sweep = ShardSweep(10**9)
    for _ in range(3):
        shard.step()
    assert shard.sweep.size == shard.size
