"""The cache's memory adapts to what its control group leaves."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from streams.cache import Lifetime, TieredCache
from streams.cache.tiers import ENTRY_OVERHEAD
from streams.codecs import Encoded
from streams.runtime.cache_maintenance import CacheMaintenance
from streams.runtime.memory import MemoryGauge
from streams.telemetry.metrics import Metrics

LIMIT = 100_000_000
MOST = 20_000_000
SIZE = 10_000


class ControlGroup:
    """A process in a control group of version 2, on disk; the cache is a part of what it uses."""

    def __init__(self, directory: Path) -> None:
        (directory / "cgroup").write_text("0::/\n")
        (directory / "memory.max").write_text(f"{LIMIT}\n")
        (directory / "memory.stat").write_text("inactive_file 0\n")
        self._used = directory / "memory.current"
        self.gauge = MemoryGauge(None, directory, directory)
        self._set(0)
        self.cache = TieredCache(MOST, Lifetime(3600), lambda: 1e9, lambda reason, count: None)
        nothing: Any = None  # the table is not used when the memory is adapted
        self.maintenance = CacheMaintenance(self.cache, nothing, MOST, self.gauge, Metrics(), may_write=lambda: True)

    def _set(self, used: int) -> None:
        self._used.write_text(f"{used}\n")

    def fit(self, others: int) -> None:
        self._set(others + self.cache.used)
        self.maintenance.fit()

    def fill(self) -> None:
        for number in range(MOST // SIZE):
            key = hashlib.sha256(str(number).encode()).digest()
            for _ in range(2):
                self.cache.offer(key, Encoded(bytes(SIZE), "audio/flac", "flac", "libFLAC", 5.0), 0)


@pytest.fixture
def group(tmp_path: Path) -> ControlGroup:
    return ControlGroup(tmp_path)


def test_entries_make_way_and_come_back(group: ControlGroup) -> None:
    group.fill()
    full = group.cache.used
    assert full > MOST - 2 * (SIZE + ENTRY_OVERHEAD)
    group.fit(others=60_000_000)
    assert group.cache.used == full
    for _ in range(10):
        group.fit(others=75_000_000)
    assert 10_000_000 - (SIZE + ENTRY_OVERHEAD) < group.cache.used <= 10_000_000
    for _ in range(20):
        group.fit(others=20_000_000)
    assert group.cache.budget == MOST
    group.fill()
    assert group.cache.used > full - 2 * (SIZE + ENTRY_OVERHEAD)
