"""Each eviction policy compared with a simple model of itself, and the guarantees of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.benchmarks.cache import synthesis
from scripts.benchmarks.cache.replay import POLICIES, replay
from streams.cache.adaptive import Adaptive
from streams.cache.eviction import SizedCache
from streams.cache.lfu import LFU
from streams.cache.lru import LRU

CACHES = [LRU, LFU, Adaptive]
KEYS = [bytes([number]) * 32 for number in range(12)]


@dataclass(frozen=True)
class Step:
    """One call: ``get`` a key, ``put`` it with a size, ``remove`` it, ``evict`` or ``resize`` to a size."""

    verb: str
    key: bytes
    size: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["get", "get", "put", "put", "put", "remove", "evict", "resize"]),
        st.sampled_from(KEYS),
        st.integers(1, 120),
    ),
    max_size=80,
)


class Model:
    """A model of any cache: the values and sizes of the entries that it should have."""

    def __init__(self) -> None:
        self.held: dict[bytes, tuple[object, int]] = {}

    def apply(self, cache: SizedCache[object], step: Step) -> None:
        before = cache.budget
        gone: Sequence[bytes] = ()
        if step.verb == "get":
            assert cache.get(step.key) == self.held.get(step.key, (None, 0))[0]
        elif step.verb == "put":
            self.held.pop(step.key, None)
            value = object()
            gone = cache.put(step.key, value, step.size)
            assert step.size > before or step.key in cache
            if step.size <= before:
                self.held[step.key] = (value, step.size)
        elif step.verb == "remove":
            assert cache.remove(step.key) == (self.held.pop(step.key, None) is not None)
        elif step.verb == "evict" and self.held:
            gone = [cache.evict()]
        elif step.verb == "resize":
            gone = cache.resize(step.size)
        last = self.held[gone[-1]][1] if gone else 0
        for key in gone:
            del self.held[key]
        if step.verb in {"put", "resize"} and gone:
            assert cache.used + last > cache.budget, "it evicted more than it had to"
        self.check(cache)

    def check(self, cache: SizedCache[object]) -> None:
        assert {key for key in KEYS if key in cache} == set(self.held)
        assert len(cache) == len(self.held)
        assert cache.used == sum(size for _, size in self.held.values()) <= cache.budget


@pytest.mark.parametrize("kind", CACHES)
@given(steps=STEPS)
def test_a_cache_holds_what_it_was_given_within_its_budget(kind: type[SizedCache[object]], steps: list[Step]) -> None:
    cache, model = kind(100), Model()
    for step in steps:
        model.apply(cache, step)


@pytest.mark.parametrize("kind", CACHES)
def test_an_empty_cache_has_nothing_to_evict(kind: type[SizedCache[object]]) -> None:
    with pytest.raises(KeyError):
        kind(100).evict()


@given(steps=STEPS)
def test_lru_evicts_the_least_recently_used(steps: list[Step]) -> None:
    cache: LRU[bool] = LRU(100)
    order: list[tuple[bytes, int]] = []
    for step in steps:
        found = [entry for entry in order if entry[0] == step.key]
        if step.verb == "get":
            cache.get(step.key)
        elif step.verb == "put":
            cache.put(step.key, True, step.size)
        else:
            continue
        order = [entry for entry in order if entry[0] != step.key]
        order += found if step.verb == "get" else [(step.key, step.size)] if step.size <= cache.budget else []
        while sum(size for _, size in order) > cache.budget:
            order.pop(0)
    assert [cache.evict() for _ in order] == [key for key, _ in order]


class PlainLFU:
    """`LFU` in its simplest form, which examines every entry for each eviction."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.entries: dict[bytes, tuple[float, int, float, int]] = {}  # priority, last use, uses, size
        self.former: list[tuple[bytes, float]] = []  # uses
        self.age = 0.0
        self.now = 0

    def get(self, key: bytes) -> None:
        if key in self.entries:
            self.now += 1
            _, _, uses, size = self.entries[key]
            self.entries[key] = (self.age + (uses + 1) * size**-0.7, self.now, uses + 1, size)

    def put(self, key: bytes, size: int) -> None:
        self.entries.pop(key, None)
        if size > self.budget:
            return
        while sum(entry[3] for entry in self.entries.values()) + size > self.budget:
            self.evict()
        uses = 1 + sum(0.35 * uses for former, uses in self.former if former == key)
        self.former = [(former, uses) for former, uses in self.former if former != key]
        self.now += 1
        self.entries[key] = (self.age + uses * size**-0.7, self.now, uses, size)

    def evict(self) -> bytes:
        key = min(self.entries, key=self.entries.__getitem__)
        self.age, _, uses, _ = self.entries.pop(key)
        self.former.append((key, uses))
        return key


@given(steps=STEPS)
def test_lfu_evicts_the_least_frequently_used_with_aging(steps: list[Step]) -> None:
    cache: LFU[bool] = LFU(100)
    plain = PlainLFU(100)
    for step in steps:
        if step.verb == "get":
            cache.get(step.key)
            plain.get(step.key)
        elif step.verb == "put":
            cache.put(step.key, True, step.size)
            plain.put(step.key, step.size)
        elif step.verb == "evict" and plain.entries:
            assert cache.evict() == plain.evict()
    assert [cache.evict() for _ in range(len(cache))] == [plain.evict() for _ in range(len(plain.entries))]


def test_lfu_forgets_what_was_popular_once() -> None:
    cache: LFU[bool] = LFU(3)
    cache.put(KEYS[0], True, 1)
    for _ in range(20):
        cache.get(KEYS[0])
    for number in range(200):
        cache.put(KEYS[1 + number % 5], True, 1)
        cache.get(KEYS[1 + number % 5])
    assert KEYS[0] not in cache


def test_lfu_knows_an_entry_again_that_comes_back() -> None:
    cache: LFU[bool] = LFU(2)
    for key in (KEYS[0], KEYS[0], KEYS[0], KEYS[1], KEYS[2]):
        if cache.get(key) is None:
            cache.put(key, True, 1)
    cache.resize(0)
    cache.resize(2)
    for key in (KEYS[0], KEYS[1], KEYS[2]):
        cache.put(key, True, 1)
    assert KEYS[0] in cache


def test_lfu_remembers_no_more_than_it_holds() -> None:
    cache: LFU[bool] = LFU(100)
    for number in range(10_000):
        cache.put(number.to_bytes(32), True, 1)
    assert len(cache._former) < 200  # noqa: SLF001  nothing outside shows a leak


def test_lfu_forgets_the_places_of_removed_entries() -> None:
    cache: LFU[bool] = LFU(100)
    for number in range(10_000):
        cache.put(KEYS[number % 5], True, 1)
    assert len(cache._heap) < 200  # noqa: SLF001  nothing outside shows a leak


@pytest.mark.parametrize("kind", synthesis.KINDS)
@pytest.mark.parametrize("share", [0.01, 0.03, 0.1, 0.3])
@pytest.mark.parametrize("seed", [1, 2])
def test_adaptive_is_as_good_as_the_better_expert(kind: str, share: float, seed: int) -> None:
    trace = synthesis.KINDS[kind](20_000, seed)
    budget = int(trace.footprint * share)
    rates = {name: replay(trace, POLICIES[name](trace, budget))[0].mean() for name in ("lru", "lfu", "adaptive")}
    assert rates["adaptive"] > max(rates["lru"], rates["lfu"]) - 0.02


def test_adaptive_gains_from_a_switch() -> None:
    """It follows LRU before the switch and LFU after it, so that it has more hits than either."""
    trace = synthesis.switch(60_000, 3)
    budget = int(trace.footprint * 0.03)
    rates = {name: replay(trace, POLICIES[name](trace, budget))[0].mean() for name in ("lru", "lfu", "adaptive")}
    assert rates["adaptive"] > max(rates["lru"], rates["lfu"])
