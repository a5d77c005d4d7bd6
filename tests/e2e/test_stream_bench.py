"""The benchmark from topic to topic measures real systems on a real Kafka, and verifies the output of each."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.topics import COMPRESSED
from scripts.benchmarks import command as bench
from scripts.benchmarks import corpus
from scripts.benchmarks.streaming.coding import describe, encode
from scripts.benchmarks.streaming.kafka import PARTITIONS, fresh_topics
from scripts.benchmarks.streaming.records import Backlog, messages
from scripts.benchmarks.streaming.results import Results, ResultsError
from scripts.benchmarks.streaming.runs import WARM_UP, Progress, RunSetup, measure
from scripts.benchmarks.streaming.speech import Segment, segments
from tests.support.brokers import Broker
from tests.support.signals import speech

RECORDS = 400  # Linux counts processor time in steps of 10 ms
SAID = tuple((f"speaker {seed}", speech(5, seed=seed)) for seed in range(2))
SPEECH = corpus.Corpus("made for this test", speech=SAID, music=SAID[:1])


@pytest.fixture(scope="module")
def pieces() -> Sequence[Segment]:
    return segments(SPEECH, 0.5, 7)


@pytest.mark.parametrize("system", ["ours", "quix-eos", "faust"])
def test_every_system_gives_every_record_its_file(
    broker: Broker, tmp_path: Path, pieces: Sequence[Segment], system: str
) -> None:
    advanced: list[int] = []
    progress = Progress(say=pytest.fail, begin=lambda _what: None, advance=advanced.append)

    found = measure(system, RunSetup(broker.bootstrap_servers, pieces, "lossless", RECORDS, tmp_path, progress))

    numbers = range(WARM_UP, WARM_UP + RECORDS)
    expected = [pieces[number % len(pieces)] for number in numbers]
    assert found.files == {
        number: zlib.crc32(encode(piece.audio, describe(piece.encoders["lossless"])))
        for number, piece in zip(numbers, expected, strict=True)
    }
    assert sum(advanced) == RECORDS
    assert found.cpu_s > 0
    assert found.wall_s > 0


def test_the_command_measures_and_reports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(corpus, "load", lambda cache, say: SPEECH)
    file = tmp_path / "stream.json"
    words = ["--records", str(RECORDS), "--repetitions", "1", "--brokers", "1", "--segments", "0.5"]

    code = bench.main(["stream", *words, "--levels", "default", "--systems", "codec,confluent", "--json", str(file)])

    assert code == 0
    rows = json.loads(file.read_text())["runs"]
    assert [(row["system"], row["repetition"]) for row in rows] == [("codec", 1), ("confluent", 1)]
    assert all(row["records"] == RECORDS and row["cpu_s"] > 0 and row["wall_s"] > 0 for row in rows)
    assert "codec share" in capsys.readouterr().out


def test_nobody_sees_a_backlog_too_early_nor_a_result_twice(broker: Broker, pieces: Sequence[Segment]) -> None:
    servers = broker.bootstrap_servers
    with fresh_topics(servers, pytest.fail) as cluster:
        topic = cluster.topic(COMPRESSED)
        backlog, results = Backlog(servers, topic, PARTITIONS), Results(servers, topic, PARTITIONS)
        backlog.put(messages(pieces, "lossless", 0, 3))
        results.require_no_more(1.0)
        backlog.release()
        results.wait(3, 10, lambda _found: None, lambda: None)
        assert sorted(results.files) == [0, 1, 2]
        backlog.put(messages(pieces, "lossless", 2, 1))
        backlog.release()
        with pytest.raises(ResultsError, match="record 2 has two results"):
            results.wait(4, 10, lambda _found: None, lambda: None)
        results.close()
