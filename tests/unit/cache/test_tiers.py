"""The two-tier cache: lookup order, admission, expiry, and threads."""

import hashlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from streams.cache import Lifetime, TieredCache
from streams.cache.entry import Entry, expiry, pack, unpack
from streams.cache.tiers import ENTRY_OVERHEAD
from streams.codecs import Encoded

HOUR = 3600.0


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def file(number: int, size: int = 1000) -> Encoded:
    audio = np.random.default_rng(number).bytes(size)
    return Encoded(audio, "audio/ogg;codecs=opus", "opus", "libopus 1.5", 4.25)


class Site:
    """A cache with a clock of its own, tables in dictionaries, and the evictions that it reported."""

    def __init__(self, budget: int = 10**6) -> None:
        self.now = 1e9
        self.evicted: dict[str, int] = {}
        self.tables: dict[int, dict[bytes, bytes]] = {}
        self.budget = budget
        self.cache = self.restarted()

    def restarted(self) -> TieredCache:
        self.cache = TieredCache(self.budget, Lifetime(HOUR), lambda: self.now, self._count)
        return self.cache

    def _count(self, reason: str, count: int) -> None:
        self.evicted[reason] = self.evicted.get(reason, 0) + count

    def play(self, number: int, partition: int = 0, size: int = 1000) -> str:
        """Process a file as the compressor does; return the tier where it was found, or how it was made."""
        table = self.tables.setdefault(partition, {})
        found = self.cache.find(key(number), partition, table.get)
        if found is None:
            update = self.cache.offer(key(number), file(number, size), partition)
        else:
            assert found.encoded == file(number, size)
            update = found.update
        if update is not None:
            table[key(number)] = update
        return "made" if found is None else found.tier


def test_a_file_is_remembered_then_stored_then_found() -> None:
    site = Site()
    assert site.play(1) == "made"
    assert len(site.cache) == 0
    assert site.tables == {0: {}}
    assert [site.play(1) for _ in range(3)] == ["made", "memory", "memory"]
    assert unpack(site.tables[0][key(1)]).encoded == file(1)


def test_the_table_survives_a_restart() -> None:
    site = Site()
    assert [site.play(1) for _ in range(3)] == ["made", "made", "memory"]
    site.restarted()
    assert [site.play(1) for _ in range(2)] == ["table", "memory"]


def test_every_partition_gets_its_own_copy_so_that_it_may_move() -> None:
    site = Site()
    for _ in range(2):
        site.play(1, partition=0)
    assert site.play(1, partition=5) == "memory"
    site.restarted()
    assert site.play(1, partition=5) == "table"


def test_the_time_to_live_follows_the_gaps_and_expired_entries_are_not_served() -> None:
    site = Site()
    for _ in range(10):
        site.play(1)
        site.now += 600
    site.now += 2400 - 600 - 1
    assert site.play(1) == "memory"
    site.now += 24 * HOUR
    assert site.play(1) == "made"


def test_an_expired_table_entry_is_not_served() -> None:
    site = Site()
    site.play(1)
    site.play(1)
    site.restarted()
    site.now = expiry(site.tables[0][key(1)])
    assert site.play(1) == "made"


def test_the_table_is_written_again_only_after_half_of_the_time_to_live() -> None:
    site = Site()
    written = 0
    for _ in range(720):
        before = site.tables.get(0, {}).get(key(1))
        site.play(1)
        written += site.tables[0].get(key(1)) != before
        site.now += 10
    assert 6 <= written <= 9  # two hours at a time to live of half an hour
    assert expiry(site.tables[0][key(1)]) > site.now


def test_expired_entries_are_swept_in_bounded_steps() -> None:
    site = Site()
    for number in range(30):
        site.play(number)
        site.play(number)
    site.now += 2 * HOUR
    before = len(site.cache)
    site.cache.sweep(10)  # the first call begins a round
    site.cache.sweep(10)
    assert before - len(site.cache) == 10
    for _ in range(4):
        site.cache.sweep(10)
    assert len(site.cache) == 0
    assert site.cache.used == 0
    assert site.evicted == {"expired": 30}


def test_evictions_are_reported_by_reason() -> None:
    site = Site(budget=10 * (1000 + ENTRY_OVERHEAD))
    for number in range(12):
        site.play(number)
        site.play(number)
    site.cache.resize(5 * (1000 + ENTRY_OVERHEAD))
    assert site.evicted == {"room": 2, "pressure": 5}


def test_a_file_above_the_whole_budget_is_left_to_the_table() -> None:
    site = Site(budget=500)
    assert [site.play(1) for _ in range(4)] == ["made", "made", "table", "table"]
    assert site.cache.used == 0


def test_the_budget_covers_what_entries_really_take() -> None:
    tracemalloc.start()
    try:
        site = Site(budget=20_000_000)
        site.cache.find(b"", 0, lambda _: None)
        entry = pack(Entry(file(0, 2000), site.now + HOUR, site.now, None))
        before = tracemalloc.get_traced_memory()[0]
        for number in range(8000):
            site.cache.find(key(number), number % 8, lambda _: entry)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(site.cache) > 5000
    assert taken <= site.cache.used <= site.budget


def test_threads_share_it_without_losing_count() -> None:
    site = Site(budget=40 * (1000 + ENTRY_OVERHEAD))
    numbers = np.random.default_rng(1).zipf(1.3, 4000) % 200

    def play(number: np.int64) -> str:
        return site.play(int(number), partition=int(number) % 4)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(play, numbers))
    assert results.count("memory") > 2000
    assert site.cache.used == len(site.cache) * (1000 + ENTRY_OVERHEAD) <= site.cache.budget
