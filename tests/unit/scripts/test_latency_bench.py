"""The latency bench: send times that are fixed in advance, waiting times from then on, and the report."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from schemas.topics import CACHE_CHANGELOG, COMPRESSED, DEAD_LETTER, POLICY, RAW, topic
from scripts.benchmarks import command as bench
from scripts.benchmarks.streaming import latency, latency_report
from scripts.benchmarks.streaming.arrivals import Overload, Seconds, WaitTimes, drained_rate, due_times, late
from scripts.benchmarks.streaming.partitioning import partitioned


def test_every_call_sends_at_an_even_pace_and_none_waits_for_another() -> None:
    due = due_times(calls=50, rate=20.0, count=400, seed=1)

    assert np.all(np.diff(due) >= 0)
    assert due[-1] < 400 / 20.0
    for call in range(50):
        assert np.diff(due[call::50]) == pytest.approx(50 / 20.0)
    assert len(set(due[:50])) == 50
    assert np.array_equal(due, due_times(calls=50, rate=20.0, count=400, seed=1))
    assert not np.array_equal(due, due_times(calls=50, rate=20.0, count=400, seed=2))


def test_percentiles_are_waits_that_occurred() -> None:
    assert WaitTimes.of(np.arange(1, 1001) / 1000) == WaitTimes(p50_ms=500.0, p95_ms=950.0, p99_ms=990.0, max_ms=1000.0)
    assert WaitTimes.of(np.array([0.25])) == WaitTimes(250.0, 250.0, 250.0, 250.0)


def served(due: Seconds, seconds_each: float) -> Seconds:
    """Arrival times of the results of a system that processes one record after the other."""
    arrived, free = [], 0.0
    for moment in due:
        free = max(free, moment) + seconds_each
        arrived.append(free)
    return np.array(arrived)


def test_a_system_that_keeps_its_pace_adds_no_wait_to_that_for_the_backlog() -> None:
    due = due_times(calls=50, rate=150.0, count=1500, seed=1)

    kept = Overload.of(due, served(due, 1 / 100))
    slower = Overload.of(due, served(due, 1 / 50))

    assert kept.throughput == pytest.approx(100, rel=0.01)
    assert kept.backlog == pytest.approx(500, rel=0.02)
    assert kept.end_wait_s / kept.backlog_s == pytest.approx(0.95, rel=0.05)  # mean over the last second
    assert slower.throughput == pytest.approx(50, rel=0.02)
    assert slower.backlog == pytest.approx(1000, rel=0.02)


def test_nothing_is_left_over_below_capacity() -> None:
    due = due_times(calls=50, rate=60.0, count=600, seed=1)
    done = Overload.of(due, served(due, 1 / 1000))

    assert done.throughput == pytest.approx(60, rel=0.02)
    assert done.backlog <= 1
    assert done.end_wait_s < 0.05


def test_the_start_of_a_drain_does_not_count() -> None:
    slow_start = np.concatenate([np.linspace(0, 5, 10), 5 + np.arange(1, 91) / 50])

    assert drained_rate(np.flip(slow_start)) == pytest.approx(50, rel=0.03)


def test_a_sender_that_cannot_keep_up_is_detected() -> None:
    due = np.arange(100) / 10

    assert late(due, due) == 0
    assert late(due, due + np.where(np.arange(100) < 2, 0.5, 0.001)) == pytest.approx(500)


def row(system: str, load: float, p95_ms: float, throughput: float) -> latency.Row:
    return latency.Row(
        system=system,
        brokers=1,
        level="default",
        load=load,
        rate=load * 100,
        capacity=100.0,
        waits=WaitTimes(p95_ms / 2, p95_ms, 2 * p95_ms, 3 * p95_ms),
        overload=Overload(throughput, backlog=50, backlog_s=0.5, end_wait_s=0.75),
        sender_late_ms=0.1,
        cpu_ms=10.0,
    )


def test_the_file_holds_every_row_flat() -> None:
    rows = [row("ours", 0.6, 40.0, 60.0), row("ours", 1.5, 900.0, 95.0)]

    below, above = json.loads(json.dumps(latency_report.as_json(rows)))["rows"]

    assert (below["load"], below["p50_ms"], below["p95_ms"], below["p99_ms"], below["max_ms"]) == (0.6, 20, 40, 80, 120)
    assert (below["system"], below["brokers"], below["rate"], below["kept"]) == ("ours", 1, 60.0, 1.0)
    assert (above["kept"], above["backlog"], above["growth"]) == (0.95, 50, 1.5)
    assert below["growth"] is None


def shown(rows: Sequence[latency.Row], column: str) -> list[str]:
    table = next(latency_report.tables(rows))
    return [str(cell) for found in table.columns if found.header == column for cell in found.cells]


def test_ratios_are_taken_at_the_same_load() -> None:
    rows = [
        row("ours", 0.6, 40.0, 60.0),
        row("confluent-eos", 0.6, 80.0, 60.0),
        row("confluent-eos", 1.5, 60.0, 95.0),
    ]

    assert shown(rows, "our p95 over it") == ["1.00", "0.50", "-"]


def test_another_number_of_partitions_holds_only_inside() -> None:
    usual = topic(RAW).partitions
    with partitioned(3):
        assert topic(RAW).partitions == 3
        assert {topic(name).partitions for name in (COMPRESSED, DEAD_LETTER, CACHE_CHANGELOG)} == {3}
        assert topic(POLICY).partitions == 1  # every worker reads all of it
    assert topic(RAW).partitions == usual


@pytest.mark.parametrize(
    "arguments",
    [
        ["latency", "--loads", "0"],
        ["latency", "--systems", "faust"],
        ["scale", "--parts", "hotels"],
        ["scale", "--plot", "scale.txt"],
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(arguments)

    assert arguments[2] in capsys.readouterr().err


def test_nothing_is_measured_for_a_picture_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["scale", "--parts", "carried", "--plot", str(tmp_path / "scale.svg")]) == 1
    assert "--plot" in capsys.readouterr().err
