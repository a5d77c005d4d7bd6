"""The benchmarks of latency and scale run real systems on a real Kafka."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.benchmarks import command as bench
from scripts.benchmarks import corpus
from scripts.benchmarks.streaming import latency, scale
from scripts.benchmarks.streaming.kafka import PARTITIONS
from scripts.benchmarks.streaming.latency import PEER
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.runs import Progress
from scripts.benchmarks.streaming.scale import Point
from scripts.benchmarks.streaming.speech import segments
from scripts.benchmarks.streaming.systems import SYSTEMS
from scripts.benchmarks.streaming.trial import Setup, ready
from tests.support.brokers import Broker
from tests.support.signals import speech

SAID = tuple((f"speaker {seed}", speech(5, seed=seed)) for seed in range(2))
SPEECH = corpus.Corpus("made for this test", speech=SAID, music=SAID[:1])


@pytest.fixture
def setup(broker: Broker, tmp_path: Path) -> Setup:
    progress = Progress(say=pytest.fail, begin=lambda _what: None, advance=lambda _steps: None)
    return Setup(broker.bootstrap_servers, 1, tmp_path, progress)


def test_waits_begin_when_records_are_due_and_end_when_their_results_are_committed(setup: Setup) -> None:
    traffic = Traffic(segments(SPEECH, 0.5, 7), "lossless", 20, PARTITIONS)
    with ready(setup, traffic, lambda *at: [SYSTEMS[PEER].make(at[0], "lossless", at[1])], 1100) as trial:
        live = trial.send(rate=50.0, count=60)
        drained = trial.drain(1000)  # Linux counts processor time in steps of 10 ms

    for done in (live, drained):
        assert np.all(done.arrived > done.due)
        assert np.all(done.arrived > done.sent)
        assert done.cpu_s > 0
    assert np.all(live.sent >= live.due)  # never before the due time, however fast the earlier ones were
    assert live.due[-1] - live.due[0] > 1.0
    assert len(set(drained.due)) == 1


def test_a_deployment_is_measured_with_other_partitions_and_several_workers(setup: Setup) -> None:
    point = Point(partitions=3, calls=6, segment_s=0.5, workers=2)
    traffic = Traffic(segments(SPEECH, point.segment_s, 7), "lossless", point.calls, point.partitions)

    backlog, live = scale.measure(setup, traffic, "partitions", point, most=30, seconds=2)

    assert (backlog.pace, backlog.records, live.pace, live.records) == ("backlog", 30, "live", 24)
    for row in (backlog, live):
        assert row.value == 3
        assert row.cpu_ms > 0
        assert row.peak_mb > 100  # two processes, each with numpy and Faust
        assert 1 <= row.records_per_commit <= 30
        assert row.open_transactions > 0
        assert row.commits_per_s <= row.throughput


def test_the_command_measures_capacity_first_and_then_at_shares_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(corpus, "load", lambda cache, say: SPEECH)
    monkeypatch.setattr(latency, "BACKLOG", {"lossless": 100})
    monkeypatch.setattr(latency, "CAPACITY_ROUNDS", 1)
    file = tmp_path / "latency.json"
    words = ["--brokers", "1", "--levels", "lossless", "--systems", PEER, "--loads", "50", "--seconds", "1"]

    assert bench.main(["latency", *words, "--json", str(file)]) == 0

    (row,) = json.loads(file.read_text())["rows"]
    assert (row["system"], row["load"], row["brokers"], row["level"]) == (PEER, 0.5, 1, "lossless")
    assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] <= row["max_ms"]
    assert row["rate"] == pytest.approx(row["capacity"] / 2)
    assert PEER in capsys.readouterr().out
