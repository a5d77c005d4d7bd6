"""The stream bench: every system does the same work, and the report has its cost."""

import json
from collections.abc import Sequence

import pytest

from schemas import Position, RawAudio, Record
from scripts.benchmarks import command as bench
from scripts.benchmarks.corpus import Corpus
from scripts.benchmarks.streaming import report
from scripts.benchmarks.streaming.coding import ENCODER_HEADER, clip_of
from scripts.benchmarks.streaming.peers.in_memory import code, product
from scripts.benchmarks.streaming.records import messages, number_of
from scripts.benchmarks.streaming.speech import LEVELS, Segment, segments
from scripts.benchmarks.streaming.stream import Run, Selection, turns
from streams.delivery.outcome import InputRecord
from tests.support.signals import clip_of as clip_of_samples
from tests.support.signals import speech

WANTED = Selection(
    systems=("codec", "ours"),
    levels=("lossless", "default"),
    segments_s=(2.0, 20.0),
    brokers=(1, 3),
    records=None,
    repetitions=3,
)


def corpus_of(*seconds: float) -> Corpus:
    said = tuple((f"speaker {seed}", speech(length, seed=seed)) for seed, length in enumerate(seconds))
    return Corpus("made for this test", speech=said, music=said[:1])


@pytest.fixture(scope="module")
def pieces() -> Sequence[Segment]:
    return segments(corpus_of(7, 6), 2, 5)


def inputs(pieces: Sequence[Segment], level: str) -> list[InputRecord]:
    found = messages(pieces, level, 0, 8, calls=4)
    return [InputRecord(Position("raw", 0, n), Record(m.key, m.value, tuple(m.headers))) for n, m in enumerate(found)]


@pytest.mark.parametrize("level", LEVELS)
def test_peers_make_the_very_files_of_the_product(pieces: Sequence[Segment], level: str) -> None:
    work = product(LEVELS[level])

    for record in inputs(pieces, level):
        assert code(record) == work(record)


def test_segments_go_on_over_the_ends_of_sentences(pieces: Sequence[Segment]) -> None:
    said = b"".join(clip.samples.tobytes() for _, clip in corpus_of(7, 6).speech)
    second = 2 * 8000

    assert [len(piece.audio) for piece in pieces] == [2 * second] * 5
    assert [said.find(piece.audio) // second for piece in pieces] == [0, 2, 4, 6, 10]


def test_what_is_no_speech_is_left_out() -> None:
    silence = clip_of_samples(clip_of(bytes(2 * 8000 * 4)).samples)
    corpus = Corpus("half of it silent", speech=(("silence", silence), ("speaker", speech(4))), music=())

    assert [piece.audio for piece in segments(corpus, 2, 9)] == [
        speech(4).samples[start : start + 16000].tobytes() for start in (0, 16000)
    ]
    with pytest.raises(ValueError, match="no 2 s of speech"):
        segments(Corpus("silent", speech=(("silence", silence),), music=()), 2, 9)


def test_records_keep_the_contract_and_their_calls_order(pieces: Sequence[Segment]) -> None:
    read = [RawAudio.from_record(record.content) for record in inputs(pieces, "lossless")]

    assert [(event.id, event.call_id, event.sequence) for event in read if isinstance(event, RawAudio)] == [
        (str(n), f"call-{n % 4}", n // 4) for n in range(8)
    ]
    assert [event.audio for event in read if isinstance(event, RawAudio)][5:] == [p.audio for p in pieces[:3]]


def test_a_result_is_known_by_what_caused_it() -> None:
    assert number_of([("ce_id", b"5"), (ENCODER_HEADER, b"{}")]) == 5
    assert number_of([("ce_id", b"a digest"), ("ce_causationid", b"6")]) == 6


def test_runs_of_long_segments_hold_as_much_audio_where_nothing_else_is_asked_for() -> None:
    assert [WANTED.records_of(seconds) for seconds in WANTED.segments_s] == [20_000, 2_000]
    assert WANTED.total == 22_000 * 2 * 2 * 2 * 3


def test_each_repetition_begins_with_another_system() -> None:
    assert list(turns(("a", "b"), 3)) == [(1, "a"), (1, "b"), (2, "b"), (2, "a"), (3, "a"), (3, "b")]


def runs(brokers: int, cpu: Sequence[tuple[str, float, float]]) -> list[Run]:
    return [
        Run(system, "default", 2.0, brokers, 100, cpu_s, wall_s, 1 + number // 2)
        for number, (system, cpu_s, wall_s) in enumerate(cpu)
    ]


def test_ratios_are_taken_of_the_least_within_a_setting() -> None:
    one = runs(1, [("codec", 1.0, 0.5), ("ours", 2.0, 2.0), ("codec", 1.5, 0.6), ("ours", 1.25, 1.0)])
    three = runs(3, [("quix-eos", 3.0, 4.0), ("quix-eos", 5.0, 6.0)])

    codec, ours, quix = report.summarise([*one, *three])

    assert (codec.brokers, codec.codec_share, codec.cpu_over_ours, codec.wall_over_ours) == (1, 1.0, 0.8, 0.5)
    assert (ours.cpu_min_s, ours.cpu_median_s, ours.wall_min_s, ours.wall_median_s) == (1.25, 1.625, 1.0, 1.5)
    assert (ours.codec_share, ours.cpu_over_ours) == (0.8, 1.0)
    assert (quix.brokers, quix.cpu_min_s, quix.wall_median_s, quix.codec_share, quix.cpu_over_ours) == (
        3, 3.0, 5.0, None, None,
    )  # fmt: skip


def test_the_file_holds_every_run() -> None:
    found = json.loads(json.dumps(report.as_json(runs(1, [("codec", 1.0, 0.5), ("ours", 2.0, 2.0)]))))

    assert found["runs"][1] == {
        "system": "ours", "level": "default", "segment_s": 2.0, "brokers": 1, "records": 100,
        "cpu_s": 2.0, "wall_s": 2.0, "repetition": 1,
    }  # fmt: skip
    assert [row["codec_share"] for row in found["summary"]] == [1.0, 0.5]
    assert {"kafka", "quixstreams", "confluent-kafka", "faust-streaming"} <= found["versions"].keys()


@pytest.mark.parametrize(
    "arguments", [["--brokers", "2"], ["--levels", "other"], ["--segments", "0"], ["--systems", "ours,flink"]]
)
def test_wrong_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["stream", *arguments])

    assert arguments[1].rpartition(",")[2] in capsys.readouterr().err
