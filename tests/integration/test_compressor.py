"""What one record becomes, without Kafka around it."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agents.compress.agent import Compressor
from agents.compress.opening import InputOpener
from agents.compress.pipeline import Pipeline
from agents.compress.reporting import Reporter
from agents.compress.sender_clocks import SenderClocks
from schemas import CompressedAudio, DeadLetter, MediaType, Position, RawAudio, Record, Rejection
from streams.audio import Clip, decode
from streams.cache import Lifetime, TieredCache
from streams.compression import DEFAULT_POLICY, LoadGovernor
from streams.delivery.executor import RecordExecutor
from streams.delivery.job import LiveJob
from streams.delivery.outcome import InputRecord
from streams.delivery.placement import Placement
from streams.runtime.policies import PoliciesInForce
from streams.runtime.sealing import RecordSealer
from streams.runtime.settings import Settings
from streams.sealing import KeyRing
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.slot_file import SlotFile
from streams.stores import Stores, StoresConfiguration, StoreUnavailableError
from streams.stores.claim_check import INLINE_LIMIT, ClaimCheck
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.recorder import MetricsRecorder
from tests.chaos.damage import with_header
from tests.chaos.sounds import sample
from tests.chaos.workload import segment
from tests.contract.test_samples import sample as contract_sample
from tests.contract.test_structured import content_of, structured
from tests.support.delivery import until

#: By what is special about it: sound, its label if that is wrong, and how often it is decoded when it comes four times.
PROMPTS = {
    "raw": ("audio/L16", 2.0, None, 2),
    "file": ("audio/flac", 2.0, None, 2),
    "mislabelled": ("audio/PCMU", 2.0, b"audio/L16;rate=8000;channels=1", 2),
    "kept as it is": ("audio/L16", 0.002, None, 4),
}


def _fail(error: BaseException) -> None:
    raise error


class Desk:
    """A compressor whose decodings are counted; ``before`` is called in each of them."""

    def __init__(
        self,
        directory: Path,
        before: Callable[[bytes], object] = lambda _audio: None,
        *,
        inline_limit: int = INLINE_LIMIT,
    ) -> None:
        self.decoded = 0
        self._before = before
        cache = TieredCache(10**7, Lifetime(3600), time.time, lambda _reason, _count: None)
        governor = LoadGovernor(60, time.monotonic, lambda: True)
        metrics = Metrics()
        pipeline = Pipeline(
            Settings(state_dir=directory),
            decode=self._decode,
            policy_of=lambda _hotel: DEFAULT_POLICY,
            pressure=lambda: governor.pressure,
            cache=cache,
        )
        recorder, placement = MetricsRecorder(metrics, late=60), Placement(lambda: 8, metrics)
        reporter = Reporter(recorder, governor, placement, SenderClocks(metrics), time.time)
        stores = Stores.of(replace(StoresConfiguration.parse(f"file://{directory}/stored"), checked=False))
        self.claim_check = ClaimCheck(stores, inline_limit)
        settings = Settings(state_dir=directory)
        ring = KeyRing(settings.connection, "keys", lambda: SlotFile(directory / "no key store"))
        self.compressor = Compressor(
            pipeline,
            reporter,
            self.claim_check,
            InputOpener(RecordSealer(ring, "keys", settings, PoliciesInForce()), required=False, patience=0),
            results="results",
            dead_letters="letters",
            on_failure=_fail,
        )

    def _decode(self, audio: bytes, media_type: MediaType) -> Clip | Rejection:
        self.decoded += 1
        self._before(audio)
        return decode(audio, media_type)


@pytest.mark.parametrize("special", PROMPTS)
def test_a_hit_says_what_a_miss_says_and_needs_no_decoding(special: str, tmp_path: Path) -> None:
    media_type, seconds, label, decodings = PROMPTS[special]
    message = segment(sample(seconds, media_type), "call-1", 0, channel="prompt").message
    if label is not None:
        message = with_header(message, "content-type", label)
    desk = Desk(tmp_path)
    record = InputRecord(Position("in", 0, 7), Record(message.key, message.value, message.headers))
    results = []
    for _ in range(4):
        (output,) = desk.compressor.process(record, lambda _key: None).outputs
        headers = dict(output.record.headers)
        results.append((headers.pop("ce_cache"), headers, output.record.value))
    assert [found for found, _, _ in results] == [b"miss", b"miss", b"hit", b"hit"]
    assert all(result[1:] == results[0][1:] for result in results)
    assert desk.decoded == decodings


@pytest.mark.parametrize("fails", [False, True])
def test_a_large_result_is_stored_and_stays_in_its_record_where_the_store_fails(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(*_: object) -> None:
        raise StoreUnavailableError("the disk is full")

    if fails:
        monkeypatch.setattr(Stores, "put", put)
    message = segment(sample(2.0, "audio/L16"), "call-1", 0).message
    record = InputRecord(Position("in", 0, 7), Record(message.key, message.value, message.headers))
    (expected,) = Desk(tmp_path).compressor.process(record, lambda _key: None).outputs
    desk = Desk(tmp_path, inline_limit=100)

    outcome = desk.compressor.process(record, lambda _key: None)

    result = CompressedAudio.from_record(outcome.outputs[0].record)
    assert isinstance(result, CompressedAudio)
    assert (result.data_ref is None) == fails
    assert desk.claim_check.read_result(result) == expected.record.value
    assert result.sha256 == dict(expected.record.headers)["ce_sha256"].decode()  # type: ignore[union-attr]
    desk.compressor.delivered(record, outcome)


def test_a_stored_result_is_in_its_record_where_its_hotel_demands_sealing_by_now(tmp_path: Path) -> None:
    message = segment(sample(2.0, "audio/L16"), "call-1", 0, channel="prompt").message
    record = InputRecord(Position("in", 0, 7), Record(message.key, message.value, message.headers))
    desk = Desk(tmp_path, inline_limit=100)
    desk.compressor.process(record, lambda _key: None)

    outcome = desk.compressor.process(record, lambda _key: None)

    assert outcome.table_updates
    assert "ce_dataref" in dict(outcome.outputs[0].record.headers)
    assert outcome.sealing is not None
    anew = outcome.sealing(DataKey.new())
    assert (anew.table_updates, anew.sealing) == ((), None)
    result = CompressedAudio.from_record(anew.outputs[0].record)
    assert isinstance(result, CompressedAudio)
    assert result.data_ref is None
    stored = CompressedAudio.from_record(outcome.outputs[0].record)
    assert isinstance(stored, CompressedAudio)
    assert desk.claim_check.read_result(stored) == result.audio


@pytest.mark.parametrize(
    ("media_type", "file", "repaired"),
    [
        ("audio/wav", "wav-data-plus44.wav", b"data-size"),
        ("audio/wav", "kept-ulaw-sizes-0.wav", b"data-size, riff-size"),
        ("audio/flac", "flac-id3v2-front.flac", b"leading-tag"),
        ("audio/wav", "wav-rf64.wav", None),
    ],
)
def test_a_result_says_what_was_wrong_with_its_file(
    media_type: str, file: str, repaired: bytes | None, tmp_path: Path
) -> None:
    message = segment(sample(0.3, media_type), "call-1", 0).message
    audio = (Path(__file__).parents[1] / "unit/audio/cases" / file).read_bytes()
    record = InputRecord(Position("in", 0, 7), Record(message.key, audio, message.headers))

    (output,) = Desk(tmp_path).compressor.process(record, lambda _key: None).outputs

    headers = dict(output.record.headers)
    assert headers.get("ce_repaired") == repaired
    assert headers["ce_durationms"] == b"500"


@pytest.mark.parametrize(("name", "rate"), [("raw-gsm", b"8000"), ("raw-g722", b"16000")])
def test_audio_of_telephony_gets_a_result_of_its_own_rate(name: str, rate: bytes, tmp_path: Path) -> None:
    record = InputRecord(Position("in", 0, 7), contract_sample(name))

    (output,) = Desk(tmp_path).compressor.process(record, lambda _key: None).outputs

    headers = dict(output.record.headers)
    assert (headers["content-type"], headers["ce_samplerate"]) == (b"audio/ogg;codecs=opus", rate)
    assert headers["ce_durationms"] == b"260"
    assert "ce_correctedtype" not in headers


def test_a_file_with_the_label_of_another_is_kept_with_its_own_type_and_whole_frames(tmp_path: Path) -> None:
    """The frames are so few that no new coding saves a fifth of them."""
    frame = (Path(__file__).parents[1] / "unit" / "audio" / "cases" / "mp3-named-wav.wav").read_bytes()[:144]
    message = segment(sample(0.3, "audio/wav"), "call-1", 0).message
    audio = b"ID3\4\0\0\0\0\0\5title" + frame + bytes(5)
    record = InputRecord(Position("in", 0, 7), Record(message.key, audio, message.headers))

    (output,) = Desk(tmp_path).compressor.process(record, lambda _key: None).outputs

    headers = dict(output.record.headers)
    assert headers["content-type"] == headers["ce_correctedtype"] == b"audio/mpeg"
    assert headers["ce_repaired"] == b"trailing-bytes"
    assert output.record.value == frame


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"datacontenttype": "audio/PCMU"}, "LabelMismatch", "datacontenttype"),
        ({"data_base64": "ZkxhQw=="}, "TruncatedAudio", "data_base64"),
        ({"data_base64": "?"}, "MalformedMember", "data_base64"),
    ],
)
def test_what_is_wrong_with_the_audio_of_an_event_in_structured_mode_is_told_of_its_members(
    changed: dict[str, str], code: str, field: str, tmp_path: Path
) -> None:
    message = segment(sample(0.3, "audio/flac"), "call-1", 0).message
    event = RawAudio.from_record(Record(message.key, message.value, message.headers))
    assert isinstance(event, RawAudio)
    record = structured(content_of(event) | changed)
    outcome = Desk(tmp_path).compressor.process(InputRecord(Position("in", 0, 7), record), lambda _key: None)
    letter = DeadLetter.from_record(outcome.outputs[0].record)
    assert isinstance(letter, DeadLetter)
    assert outcome.rejection == letter.rejection
    assert (letter.rejection.code, letter.rejection.field) == (code, field)
    assert letter.original.value == record.value


@pytest.mark.parametrize("media_type", ["audio/L16", "audio/flac"])
async def test_a_clip_over_its_time_stops_no_other(media_type: str, tmp_path: Path) -> None:
    release = threading.Event()
    sounds = [sample(0.3 + number / 10, media_type) for number in range(6)]
    messages = [segment(sound, "call-1", number).message for number, sound in enumerate(sounds)]
    desk = Desk(tmp_path, lambda audio: audio == messages[0].value and release.wait(30))
    failures: list[BaseException] = []
    executor = RecordExecutor(2, 1.0, Metrics(), failures.append)
    watch = asyncio.create_task(executor.enforce_timeouts())
    jobs = [
        LiveJob(
            InputRecord(Position("in", 0, number), Record(message.key, message.value, message.headers)),
            desk.compressor,
            lambda _key: None,
            lambda: None,
            read_at=0.0,
        )
        for number, message in enumerate(messages)
    ]
    for job in jobs:
        executor.submit(job)
    await until(lambda: all(job.outcome for job in jobs), within=30)

    rejections = [job.outcome and job.outcome.rejection for job in jobs]
    assert rejections[0]
    assert rejections[0].code == "ProcessingTimeout"
    assert rejections[1:] == [None] * 5
    assert failures == []
    release.set()
    watch.cancel()
    executor.shutdown()
