from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given

from schemas import RawAudio, Record, Rejection
from schemas.raw_audio import frame_problem, has_reference
from tests.contract.strategies import raw_events, records, references
from tests.support.events import RAW, RAW_BY_REFERENCE

REQUIRED = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "content-type",
    "ce_hotelid",
    "ce_callid",
)
TRACE = ("ce_traceparent", "ce_tracestate")


def with_header(name: str, value: bytes | None) -> Record:
    record = RAW.to_record()
    kept = tuple(header for header in record.headers if header[0] != name)
    return replace(record, headers=(*kept, (name, value)))


def rejected(record: Record, max_bytes: int = 1000) -> Rejection:
    rejection = RawAudio.from_record(record, max_bytes=max_bytes)
    assert isinstance(rejection, Rejection)
    assert rejection.stage == "contract"
    assert rejection.reason.isprintable()
    return rejection


@given(raw_events | references)
def test_survives_writing_and_reading(event: RawAudio) -> None:
    assert RawAudio.from_record(event.to_record(), max_bytes=80) == event


@given(records)
def test_no_record_raises(record: Record) -> None:
    assert isinstance(RawAudio.from_record(record, max_bytes=30), RawAudio | Rejection)


def test_key_is_the_call_and_value_the_audio() -> None:
    record = RAW.to_record()
    assert (record.key, record.value, record.timestamp_ms) == (b"call-1", RAW.audio, None)


def test_default_stream_is_call_and_channel() -> None:
    assert RAW.stream == "call-1-in"
    assert replace(RAW, stream_id=None).stream == "call-1:guest"
    assert replace(RAW, stream_id=None, channel=None).stream == "call-1:any"


def test_unknown_headers_are_ignored_even_where_they_are_no_text() -> None:
    record = RAW.to_record()
    extra = (("ce_vendor", b"\xff"), ("trace", None), ("trace", b"2"))
    assert RawAudio.from_record(replace(record, headers=record.headers + extra)) == RAW


@pytest.mark.parametrize("name", REQUIRED)
def test_each_required_header_has_to_be_there(name: str) -> None:
    record = RAW.to_record()
    without = replace(record, headers=tuple(header for header in record.headers if header[0] != name))
    assert (rejected(without).code, rejected(without).field) == ("MissingHeader", name)
    assert rejected(with_header(name, None)).field == name
    assert rejected(with_header(name, b"")).field == name


@pytest.mark.parametrize("name", [name for name, _ in RAW.to_record().headers if name not in REQUIRED] + ["ce_dataref"])
def test_an_optional_header_without_a_value_is_as_good_as_absent(name: str) -> None:
    record = RAW.to_record()
    without = replace(record, headers=tuple(header for header in record.headers if header[0] != name))
    assert RawAudio.from_record(with_header(name, None)) == RawAudio.from_record(without)


@pytest.mark.parametrize("name", [name for name, _ in RAW.to_record().headers])
def test_each_header_occurs_once(name: str) -> None:
    record = RAW.to_record()
    doubled = replace(record, headers=(*record.headers, (name, dict(record.headers)[name])))
    assert (rejected(doubled).code, rejected(doubled).field) == ("DuplicateHeader", name)


@pytest.mark.parametrize("name", [name for name, _ in RAW.to_record().headers if name not in TRACE])
def test_each_header_is_utf8(name: str) -> None:
    rejection = rejected(with_header(name, b"\xff\xfe"))
    assert (rejection.field, "UTF-8" in rejection.reason) == (name, True)


@pytest.mark.parametrize(
    ("name", "value", "code", "rule"),
    [
        ("ce_specversion", "0.3", "WrongHeader", "must be 1.0"),
        ("ce_type", "hotel.audio.raw.v2", "WrongHeader", "hotel.audio.raw.v1"),
        ("ce_id", "x" * 256, "MalformedHeader", "1 to 255 characters"),
        ("ce_hotelid", "a\nb", "MalformedHeader", "control characters"),
        ("ce_source", "not a uri", "MalformedHeader", "URI-reference"),
        ("content-type", "audio/L16", "BadRate", "rate"),
        ("content-type", "text/plain", "UnsupportedMediaType", "audio/wav"),
        ("ce_time", "yesterday", "MalformedHeader", "RFC 3339"),
        ("ce_time", "2026-01-31 09:30:00Z", "MalformedHeader", "RFC 3339"),
        ("ce_time", "2026-01-31T09:30:00", "MalformedHeader", "RFC 3339"),
        ("ce_time", "2026-02-30T09:30:00Z", "MalformedHeader", "RFC 3339"),
        ("ce_time", "2026-01-31T24:00:00Z", "MalformedHeader", "RFC 3339"),
        ("ce_time", "2026-01-31T23:59:60Z", "MalformedHeader", "RFC 3339"),
        ("ce_time", "2026-01-31T09:30:00+01:60", "MalformedHeader", "RFC 3339"),
        ("ce_time", "2026-01-31T09:30:00.Z", "MalformedHeader", "RFC 3339"),
        ("ce_time", "0001-01-01T00:00:00+14:00", "MalformedHeader", "RFC 3339"),
        ("ce_channel", "both", "MalformedHeader", "agent, guest, mixed, prompt"),
        ("ce_streamid", "x" * 272, "MalformedHeader", "271 characters"),
        ("ce_sequence", "-1", "MalformedHeader", "0 to 2147483647"),
        ("ce_sequence", "1.5", "MalformedHeader", "whole number"),
        ("ce_sequence", "\u0661", "MalformedHeader", "whole number"),
        ("ce_lostms", "2147483648", "MalformedHeader", "0 to 2147483647"),
        ("ce_final", "True", "MalformedHeader", "false, true"),
        ("ce_guestref", "", "MalformedHeader", "1 to 128 characters"),
        ("ce_guestref", "x" * 129, "MalformedHeader", "1 to 128 characters"),
        ("ce_guestref", "Ada Lovelace", "MalformedHeader", "opaque reference"),
        ("ce_guestref", "ada@example.com", "MalformedHeader", "opaque reference"),
        ("ce_guestref", "é", "MalformedHeader", "opaque reference"),
        ("ce_dataref", "s3://bucket/key", "ValueAndReference", "either the audio, or a reference"),
        ("ce_dataref", "", "MalformedHeader", "1 to 2048"),
        ("ce_dataref", "s3://a b", "MalformedHeader", "s3://recordings/"),
    ],
)
def test_a_broken_header_is_named_with_its_rule(name: str, value: str, code: str, rule: str) -> None:
    rejection = rejected(with_header(name, value.encode()))
    assert (rejection.code, rejection.field) == (code, name)
    assert rule in rejection.reason


@pytest.mark.parametrize("name", TRACE)
@pytest.mark.parametrize("value", [None, b"", b"\xff", b"a\nb", b"x" * 1025])
def test_a_trace_that_is_no_text_is_dropped_and_no_reason_to_refuse(name: str, value: bytes | None) -> None:
    event = RawAudio.from_record(with_header(name, value))
    assert isinstance(event, RawAudio)
    assert (event.trace_parent is None, event.trace_state is None) == (name == TRACE[0], name == TRACE[1])


def test_any_other_trace_is_kept_as_it_came() -> None:
    event = RawAudio.from_record(with_header("ce_traceparent", b"ff-not-a-trace \xc3\xa9"))
    assert isinstance(event, RawAudio)
    assert event.trace_parent == "ff-not-a-trace \u00e9"


def test_the_content_type_may_be_written_in_another_case_as_of_http() -> None:
    record = RAW.to_record()
    headers = tuple(("Content-Type" if name == "content-type" else name, value) for name, value in record.headers)
    assert RawAudio.from_record(replace(record, headers=headers)) == RAW
    assert RawAudio.from_record(replace(record, headers=(*record.headers, ("Content-Type", b"x")))) == RAW
    twice = replace(record, headers=(*headers, ("CONTENT-TYPE", b"audio/wav")))
    assert (rejected(twice).code, rejected(twice).field) == ("DuplicateHeader", "content-type")


@pytest.mark.parametrize(
    ("text", "microsecond", "hour"),
    [
        ("2026-01-31T09:30:00Z", 0, 9),
        ("2026-01-31t09:30:00.25z", 250_000, 9),
        ("2026-01-31T09:30:00.123456789+02:00", 123_456, 7),
        ("2026-01-31T09:30:00.1234567899999999999-00:00", 123_456, 9),
    ],
)
def test_times_are_read_as_utc(text: str, microsecond: int, hour: int) -> None:
    event = RawAudio.from_record(with_header("ce_time", text.encode()))
    assert isinstance(event, RawAudio)
    assert event.time == datetime(2026, 1, 31, hour, 30, 0, microsecond, tzinfo=UTC)


@pytest.mark.parametrize("key", [None, b"", b"call-2", b"\xff"])
def test_key_must_be_the_call_id(key: bytes | None) -> None:
    rejection = rejected(replace(RAW.to_record(), key=key))
    assert rejection.field == "key"
    assert "ce_callid" in rejection.reason


@pytest.mark.parametrize(
    ("value", "code"),
    [(None, "EmptyValue"), (b"", "EmptyValue"), (bytes(1002), "ValueTooLarge")],
)
def test_a_broken_value_is_rejected(value: bytes | None, code: str) -> None:
    rejection = rejected(replace(RAW.to_record(), value=value))
    assert (rejection.code, rejection.field) == (code, "value")


@pytest.mark.parametrize(
    ("media_type", "size", "whole"),
    [
        ("audio/L16;rate=8000;channels=2", 322, False),
        ("audio/x-slin;rate=8000;channels=2", 324, True),
        ("audio/PCMU", 321, True),
        ("audio/PCMA;channels=2", 321, False),
        ("audio/wav", 321, True),
    ],
)
def test_senders_keep_frames_whole_and_readers_judge_when_they_have_heard_them(
    media_type: str, size: int, whole: bool
) -> None:
    event = RawAudio.from_record(replace(with_header("content-type", media_type.encode()), value=bytes(size)))
    assert isinstance(event, RawAudio)
    problem = frame_problem(event)
    assert problem is None if whole else problem is not None and problem.code == "PartialFrame"


@pytest.mark.parametrize("value", [None, b""])
def test_an_event_with_a_reference_has_no_value(value: bytes | None) -> None:
    record = RAW_BY_REFERENCE.to_record()
    assert RawAudio.from_record(replace(record, value=value), max_bytes=1) == RAW_BY_REFERENCE
    rejection = rejected(replace(record, value=b"\0\0"))
    assert (rejection.code, rejection.field) == ("ValueAndReference", "ce_dataref")
    assert "2 bytes" in rejection.reason


def test_the_digest_of_an_object_is_optional_and_of_a_value_ignored() -> None:
    unknown = replace(RAW_BY_REFERENCE, data_sha256=None)
    assert RawAudio.from_record(unknown.to_record()) == unknown
    assert RawAudio.from_record(with_header("ce_sha256", b"no digest")) == RAW
    headers = (*unknown.to_record().headers, ("ce_sha256", b"5F"))
    assert rejected(replace(unknown.to_record(), headers=headers)).field == "ce_sha256"


def test_an_input_that_names_an_object_is_recognised_even_if_it_is_invalid_otherwise() -> None:
    record = RAW_BY_REFERENCE.to_record()
    assert has_reference(record)
    assert has_reference(replace(record, key=None, value=b"as well"))
    assert not has_reference(RAW.to_record())
    assert not has_reference(with_header("ce_dataref", None))


def test_nothing_is_said_about_the_frames_of_audio_that_lies_elsewhere() -> None:
    assert frame_problem(RAW_BY_REFERENCE) is None


def test_a_time_without_zone_is_a_bug_of_the_caller() -> None:
    naive = datetime(2026, 1, 31)  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="no time zone"):
        replace(RAW, time=naive).to_record()
