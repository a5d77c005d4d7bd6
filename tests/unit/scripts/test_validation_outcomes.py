"""The verdict on the calls of a validation, and on the files of their results."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner

from schemas import CompressedAudio, DeadLetter, Position, RawAudio, Rejection
from schemas.media_type import FLAC, G722, GSM, L16, MPEG, OGG, PCMA, PCMU, SLIN, WAV
from schemas.validation import VALIDATION_HOTEL
from scripts.validation import inputs
from scripts.validation.finding import Finding, Status
from scripts.validation.inputs import DAMAGED, CallIds, ValidationInput
from scripts.validation.outcomes import Arrived, Playback, Sent, judge_calls, judge_files
from scripts.validation.playback import installed_playback
from streams.audio import Clip, decode
from streams.codecs import Encoder, FlacEncoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from tests.contract.test_samples import sample

PARTITIONS = 8
IDS = CallIds("test", PARTITIONS)
CALLS = inputs.all_calls(IDS, PARTITIONS)
ANY = Playback(lambda _: None, "decoded")


def partition_of(event: RawAudio) -> int:
    return int(DefaultPartitioner()(event.call_id.encode(), range(PARTITIONS), ()))


def sent_all(calls: list[list[ValidationInput]] = CALLS) -> list[Sent]:
    flat = [one for call in calls for one in call]
    return [Sent(one, Position("audio.raw", partition_of(one.event), number), 1.0) for number, one in enumerate(flat)]


def result_of(sent: Sent, **changes: Any) -> Arrived:
    event, expected = sent.input.event, sent.input.expected
    assert expected is not None
    result = CompressedAudio(
        id="a" * 64,
        source="/worker",
        time=None,
        content_type=str(event.media_type.type),
        hotel_id=event.hotel_id,
        call_id=event.call_id,
        channel=event.channel,
        stream_id=event.stream,
        sequence=event.sequence,
        lost_ms=None,
        final=event.final,
        causation_id=event.id,
        level=3,
        codec="opus",
        original_bytes=len(event.audio),
        duration_ms=expected.milliseconds,
        sample_rate=8000,
        audio_channels=1,
        quality=4.2,
        cache="miss",
        pcm_sha256=expected.pcm_sha256 or "0" * 64,
        encoder="test",
        position=sent.position,
        audio=event.audio,
    )
    return arrived(sent, replace(result, **changes))


def letter_of(sent: Sent) -> Arrived:
    rejection = Rejection("decode", "TruncatedAudio", "value", "ends too soon")
    return arrived(sent, DeadLetter(sent.input.record, sent.position, rejection))


def arrived(sent: Sent, outcome: CompressedAudio | DeadLetter | Rejection) -> Arrived:
    return Arrived(sent.input.event.call_id, outcome, sent.position.partition, sent.position.offset, 1.25)


def outcome_of(sent: Sent) -> Arrived:
    return letter_of(sent) if sent.input.kind == DAMAGED else result_of(sent)


def failures(findings: list[Finding]) -> dict[str, str]:
    return {one.subject: one.detail for one in findings if one.status is Status.FAILED}


def test_each_media_type_of_the_contract_is_sent_twice_and_in_json() -> None:
    types = [call[0].event.media_type.type for call in CALLS if len(call) == 2]
    assert types == [L16, SLIN, PCMU, PCMA, GSM, G722, WAV, FLAC, OGG, MPEG, L16]
    in_json = next(call for call in CALLS if call[0].kind == "events in JSON")
    assert {one.record.headers for one in in_json} == {(("content-type", b"application/cloudevents+json"),)}


def test_every_record_is_an_event_of_the_hotel_that_consumers_can_skip() -> None:
    for one in [one for call in [*CALLS, inputs.prompts(IDS, 2)] for one in call]:
        assert RawAudio.from_record(one.record) == one.event
        assert one.event.hotel_id == VALIDATION_HOTEL
        assert one.event.call_id.startswith(f"{VALIDATION_HOTEL}-test-")


def test_what_is_expected_is_what_a_decoder_finds() -> None:
    for one in [one for call in CALLS for one in call]:
        clip = decode(one.event.audio, one.event.media_type)
        if one.expected is None:
            assert isinstance(clip, Rejection)
        else:
            assert isinstance(clip, Clip)
            assert clip.duration_ms == one.expected.milliseconds
            assert one.expected.pcm_sha256 in {None, clip.pcm_sha256}


@pytest.mark.parametrize("partitions", [1, 8, 60])
def test_calls_go_through_every_partition(partitions: int) -> None:
    calls = inputs.all_calls(CallIds("x", partitions), partitions)
    choose = DefaultPartitioner()
    chosen = {choose(call[0].event.call_id.encode(), range(partitions), ()) for call in calls}
    assert chosen == set(range(partitions))


def test_a_system_that_answers_all_calls_passes() -> None:
    sent = sent_all()
    findings = judge_calls(sent, [outcome_of(one) for one in sent])
    assert failures(findings) == {}
    assert len(findings) == len(CALLS)
    assert [one.detail for one in findings if one.subject in {WAV, DAMAGED}] == [
        "2 results in 0.25 s",
        "dead letter in 0.25 s",
    ]


def test_an_input_without_an_outcome_is_lost() -> None:
    sent = sent_all()
    [lost] = [one for one in sent if one.input.kind == WAV and one.input.event.sequence == 1]
    found = failures(judge_calls(sent, [outcome_of(one) for one in sent if one is not lost]))
    assert found == {WAV: f"partition {lost.position.partition}, segment 1 has no outcome"}


def test_a_worker_that_answers_nothing_fails_every_call() -> None:
    sent = sent_all()
    findings = judge_calls(sent, [])
    assert {one.status for one in findings} == {Status.FAILED}


def test_an_input_with_two_outcomes_is_doubled() -> None:
    sent = sent_all()
    doubled = result_of(sent[0])
    found = failures(judge_calls(sent, [*(outcome_of(one) for one in sent), doubled]))
    assert list(found) == [L16]
    assert found[L16].endswith("has 2 outcomes")


def test_a_refused_call_fails_with_the_reason() -> None:
    sent = sent_all()
    found = failures(judge_calls(sent, [letter_of(one) for one in sent]))
    assert len(found) == len(CALLS) - 1
    assert "was refused: TruncatedAudio, value: ends too soon" in found[GSM]


def test_a_damaged_file_that_is_not_refused_fails() -> None:
    sent = sent_all([inputs.damaged_call(IDS)])
    good = replace(sent[0].input, expected=inputs.Expected(250, None))
    found = failures(judge_calls(sent, [result_of(replace(sent[0], input=good))]))
    assert "was not refused" in found[DAMAGED]


def test_a_dead_letter_that_differs_from_its_input_fails() -> None:
    sent = sent_all([inputs.damaged_call(IDS)])
    letter = letter_of(sent[0]).outcome
    assert isinstance(letter, DeadLetter)
    cut = replace(letter, original=replace(letter.original, value=b"half"))
    assert "differs from the input" in failures(judge_calls(sent, [arrived(sent[0], cut)]))[DAMAGED]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"duration_ms": 240}, "ce_durationms is 240 and must be 250"),
        ({"pcm_sha256": "f" * 64}, "ce_pcmsha256 is ffff"),
        ({"sequence": 7}, "ce_sequence is 7 and must be 0"),
        ({"hotel_id": "lisbon"}, "ce_hotelid is lisbon"),
        ({"causation_id": "other"}, "ce_causationid is other"),
    ],
)
def test_a_result_that_differs_from_its_input_fails(change: dict[str, Any], told: str) -> None:
    sent = sent_all([CALLS[0]])
    found = failures(judge_calls(sent, [result_of(sent[0], **change), result_of(sent[1])]))
    assert told in found[L16]


def test_results_in_another_order_fail() -> None:
    first, second = sent_all([CALLS[0]])
    swapped = [replace(result_of(second), offset=0), replace(result_of(first), offset=1)]
    assert "in another order" in failures(judge_calls([first, second], swapped))[L16]


def test_a_result_in_another_partition_fails() -> None:
    first, second = sent_all([CALLS[0]])
    moved = replace(result_of(first), partition=7 - first.position.partition)
    assert "its outcome is in partition" in failures(judge_calls([first, second], [moved, result_of(second)]))[L16]


def test_an_outcome_that_breaks_the_contract_fails_its_call() -> None:
    first, second = sent_all([CALLS[0]])
    broken = arrived(first, Rejection("contract", "DigestMismatch", "value", "is not the file"))
    found = failures(judge_calls([first, second], [broken, result_of(second)]))
    assert "breaks the contract: value: is not the file" in found[L16]


@pytest.mark.parametrize(
    ("uses", "status"), [(["miss", "miss", "hit"], "passed"), (["hit"], "passed"), (["miss"] * 4, "FAILED")]
)
def test_a_cache_is_sound_if_a_repeated_prompt_is_found(uses: list[str], status: str) -> None:
    sent = sent_all([inputs.prompts(IDS, len(uses))])
    outcomes = [result_of(one, cache=use) for one, use in zip(sent, uses, strict=True)]
    assert [one.status for one in judge_calls(sent, outcomes)] == [status]


def test_kinds_of_files_that_did_not_come_are_not_passed() -> None:
    sent = sent_all([call for call in CALLS if call[0].kind in {WAV, OGG}])
    findings = judge_files(sent, [outcome_of(one) for one in sent], ANY)
    assert {one.subject: one.status.value for one in findings} == {
        OGG: "passed",
        WAV: "passed",
        FLAC: "not checked",
        MPEG: "not checked",
    }


def clip() -> Clip:
    event = RawAudio.from_record(sample("raw-l16"))
    assert isinstance(event, RawAudio)
    found = decode(event.audio, event.media_type)
    assert isinstance(found, Clip)
    return found


ENCODERS: list[Encoder] = [
    OpusEncoder(9000),
    OpusEncoder(7000, dtx=True),
    VorbisEncoder(0.3),
    Mp3Encoder(8000),
    Mp3Encoder(64_000),
    FlacEncoder(effort=8),
    WavEncoder("pcm"),
    WavEncoder("pcmu"),
]


@pytest.fixture(params=["structure", "decoded"])
def playback(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[CompressedAudio], str | None]:
    """How files are opened without decoders, and with them."""
    if request.param == "structure":
        monkeypatch.setitem(sys.modules, "streams.audio", None)
    found = installed_playback()
    assert found.done == {"structure": "right length", "decoded": "decoded"}[request.param]
    return found.problem


def coded(encoder: Encoder) -> CompressedAudio:
    [first, *_] = sent_all([CALLS[0]])
    encoded = encoder.encode(clip())
    outcome = result_of(first, audio=encoded.audio, content_type=encoded.content_type).outcome
    assert isinstance(outcome, CompressedAudio)
    return outcome


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda one: one.profile)
def test_files_of_every_kind_open(encoder: Encoder, playback: Callable[[CompressedAudio], str | None]) -> None:
    result = coded(encoder)
    assert playback(result) is None
    assert playback(replace(result, duration_ms=300)) == "the file has 250 ms and must have 300"


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda one: one.profile)
def test_a_file_that_ends_in_its_middle_does_not_open(encoder: Encoder) -> None:
    result = coded(encoder)
    problem = installed_playback().problem(replace(result, audio=result.audio[: len(result.audio) // 2]))
    assert problem is not None


@pytest.mark.parametrize("at", [30, 60, -20])
def test_a_damaged_page_is_found_without_a_decoder(at: int) -> None:
    result = coded(OpusEncoder(9000))
    damaged = bytearray(result.audio)
    damaged[at] ^= 0x10
    problem = installed_playback().problem(replace(result, audio=bytes(damaged)))
    assert problem is not None
    assert problem.startswith("the page at byte ")


def test_a_lossless_file_with_other_samples_is_found() -> None:
    result = replace(coded(FlacEncoder(effort=5)), quality=5.0)
    assert installed_playback().problem(result) is None
    other = hashlib.sha256(b"").hexdigest()
    assert "has other samples" in str(installed_playback().problem(replace(result, pcm_sha256=other)))
