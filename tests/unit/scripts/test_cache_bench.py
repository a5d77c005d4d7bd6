"""The cache bench: traces, the optimum, and the command."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.benchmarks import command as bench
from scripts.benchmarks.cache import synthesis
from scripts.benchmarks.cache.belady import belady
from scripts.benchmarks.cache.replay import PEERS, POLICIES, measure, optimum
from scripts.benchmarks.cache.traces import Trace, TraceError, read

SIZES = st.lists(st.integers(1, 50), min_size=8, max_size=8)
ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=60)


def trace(items: list[int], sizes: list[int]) -> Trace:
    return Trace(np.arange(len(items), dtype=float), np.array(items), np.array(sizes))


def most_hits(items: tuple[int, ...], slots: int) -> int:
    """The highest possible number of hits in a cache of `slots` items, found by trying every eviction."""

    @lru_cache(None)
    def hits(position: int, held: frozenset[int]) -> int:
        if position == len(items):
            return 0
        item = items[position]
        if item in held:
            return 1 + hits(position + 1, held)
        if len(held) < slots:
            return max(hits(position + 1, held), hits(position + 1, held | {item}))
        return max(hits(position + 1, kept) for kept in (held, *((held - {old}) | {item} for old in held)))

    return hits(0, frozenset())


@given(items=st.lists(st.integers(0, 4), min_size=1, max_size=14), slots=st.integers(1, 4), by_size=st.booleans())
def test_with_equal_sizes_nothing_beats_belady(items: list[int], slots: int, by_size: bool) -> None:
    found = belady(trace(items, [10] * 5), slots * 10 + 3, by_size=by_size)
    assert found.sum() == most_hits(tuple(items), slots)


@given(items=ITEMS, sizes=SIZES, budget=st.integers(1, 200))
def test_no_policy_is_above_the_optimum(items: list[int], sizes: list[int], budget: int) -> None:
    requests = trace(items, sizes)
    best = optimum(requests, budget)
    for name in ("lru", "lfu", "adaptive", "adaptive, admission by repetition"):
        score = measure(requests, budget, POLICIES[name])
        assert score.hit_rate <= best.hit_rate
        assert score.byte_hit_rate <= best.byte_hit_rate


@pytest.mark.parametrize("kind", synthesis.KINDS)
def test_belady_is_above_all_on_the_synthetic_traces(kind: str) -> None:
    requests = synthesis.KINDS[kind](8000)
    budget = requests.footprint // 20
    best = optimum(requests, budget)
    for make in (*POLICIES.values(), *PEERS.values()):
        score = measure(requests, budget, make)
        assert 0 < score.hit_rate < best.hit_rate
        assert 0 < score.byte_hit_rate < best.byte_hit_rate


def test_the_hotel_s_mix_is_as_described() -> None:
    requests = synthesis.hotel(50_000)
    assert requests.repeatable.mean() == pytest.approx(0.88, abs=0.04)
    assert bool((np.diff(requests.times) >= 0).all())
    assert set(requests.items.tolist()) == set(range(len(requests.sizes)))
    hours = np.bincount((requests.times % 86_400 // 3600).astype(int), minlength=24)
    assert hours[17:20].sum() > 3 * hours[4:7].sum()
    assert requests.items.tolist() == synthesis.hotel(50_000).items.tolist()
    assert requests.items.tolist() != synthesis.hotel(50_000, seed=1).items.tolist()


def test_a_trace_is_read_from_lines(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("0,a,10\n1.5,b, with a comma,20\n2,a,10\n")
    found = read(file)
    assert found.times.tolist() == [0, 1.5, 2]
    assert found.items.tolist() == [0, 1, 0]
    assert found.sizes.tolist() == [10, 20]


@pytest.mark.parametrize("line", ["time,key,size", "1,a", "1,a,", "1,a,0", "x,a,3", ""])
def test_a_line_that_is_not_a_request_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(f"0,a,10\n{line}\n2,a,10\n")
    with pytest.raises(TraceError, match="line 2"):
        read(file)


def test_the_command_writes_every_policy_and_the_optimum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cache.json"

    assert bench.main(["cache", "--synthetic", "hotel", "--requests", "3000", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert {"lru", "lfu", "adaptive"} <= set(report["policies"])
    assert set(report["libraries"]) == set(PEERS)
    for score in report["policies"].values():
        assert score["ns_per_op"] > 0
        assert 0 <= score["hit_rate"] <= report["belady"]["hit_rate"] <= 1
        assert 0 <= score["byte_hit_rate"] <= report["belady"]["byte_hit_rate"] <= 1
    assert "adaptive" in capsys.readouterr().out


def test_the_command_takes_a_trace_and_a_budget(tmp_path: Path) -> None:
    source, file = tmp_path / "trace.csv", tmp_path / "cache.json"
    source.write_text("".join(f"{second},{key},1000\n" for second, key in enumerate("abcabcabc")))

    assert bench.main(["cache", "--trace", str(source), "--budget", "2KB", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert report["budget"] == 2000
    assert report["policies"]["lru"]["hit_rate"] == 0
    assert report["belady"]["hit_rate"] == report["belady"]["byte_hit_rate"] == pytest.approx(4 / 9)


@pytest.mark.parametrize("problem", ["missing.csv", "bad.csv"])
def test_a_trace_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: str
) -> None:
    (tmp_path / "bad.csv").write_text("nothing\n")
    assert bench.main(["cache", "--trace", str(tmp_path / problem)]) == 1
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--synthetic", "motel"], ["--synthetic", "hotel", "--budget", "much"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["cache", *arguments])
