import base64
import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadLetter, Position, RawAudio, Record, Rejection
from schemas.raw_audio import has_reference, hotel_of
from tests.contract.strategies import raw_events, references
from tests.support.events import RAW, RAW_BY_REFERENCE

JSON = "application/cloudevents+json"
REQUIRED = ("specversion", "id", "source", "type", "datacontenttype", "hotelid", "callid", "data_base64")
_NUMBERS = {"sequence", "lostms"}


def content_of(event: RawAudio) -> dict[str, Any]:
    """The JSON object of an event, with JSON's own numbers and booleans."""
    content: dict[str, Any] = {}
    for name, value in event.to_record().headers:
        text = (value or b"").decode()
        member = "datacontenttype" if name == "content-type" else name.removeprefix("ce_")
        content[member] = int(text) if member in _NUMBERS else True if member == "final" else text
    return content if event.data_ref else content | {"data_base64": base64.b64encode(event.audio).decode()}


def structured(content: object, content_type: str = JSON, **more: Any) -> Record:
    value = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Record(**{"key": b"call-1", "value": value, "headers": (("content-type", content_type.encode()),)} | more)


def changed(**members: Any) -> Record:
    return structured(content_of(RAW) | members)


@pytest.mark.parametrize(
    ("members", "named"),
    [({}, True), ({"dataref": None}, False), ({"dataref": 5}, False), ({"channel": "both"}, True)],
)
def test_an_input_that_names_an_object_is_recognised(members: dict[str, Any], named: bool) -> None:
    assert has_reference(structured(content_of(RAW_BY_REFERENCE) | members)) is named
    assert not has_reference(structured(content_of(RAW)))
    assert not has_reference(structured(content_of(RAW) | {"id": "dataref"}))
    assert not has_reference(structured(b'{"dataref": '))
    escaped = json.dumps(content_of(RAW_BY_REFERENCE)).replace("dataref", "\\u0064ataref").encode()
    assert has_reference(structured(escaped))


def rejected(record: Record, max_bytes: int = 1000) -> Rejection:
    rejection = RawAudio.from_record(record, max_bytes=max_bytes)
    assert isinstance(rejection, Rejection)
    assert rejection.stage == "contract"
    assert rejection.reason.isprintable()
    assert "Header" not in rejection.code
    letter = DeadLetter(record, Position("audio.raw", 0, 1), rejection)
    assert DeadLetter.from_record(letter.to_record()) == letter, "the record as it came, and the reason"
    return rejection


@given(raw_events | references)
def test_it_is_the_event_that_binary_mode_would_bring(event: RawAudio) -> None:
    record = structured(content_of(event), key=event.call_id.encode())
    assert RawAudio.from_record(record, max_bytes=80) == event
    assert hotel_of(record) == event.hotel_id


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+json",
        "Application/CloudEvents+JSON",
        "application/cloudevents+json; charset=utf-8",
        'application/cloudevents+json;charset="UTF-8"',
        "application/cloudevents+json ; charset=us-ascii; note=1",
    ],
)
@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_the_content_type_decides_in_any_case_and_with_parameters(content_type: str, name: str) -> None:
    record = structured(content_of(RAW), headers=((name, content_type.encode()),))
    assert RawAudio.from_record(record) == RAW


def test_headers_of_binary_mode_beside_it_are_left_aside() -> None:
    others = tuple(
        header for header in replace(RAW, id="other", sequence=9).to_record().headers if header[0] != "content-type"
    )
    record = structured(content_of(RAW))
    assert RawAudio.from_record(replace(record, headers=(*others, *record.headers))) == RAW


def test_numbers_and_booleans_may_be_text_as_well() -> None:
    assert RawAudio.from_record(changed(sequence="0", lostms="0", final="true")) == RAW
    assert RawAudio.from_record(changed(final=False)) == replace(RAW, final=False)


def test_null_is_absence_and_unknown_members_are_ignored() -> None:
    record = changed(sequence=None, channel=None, data=None, subject="x", partitionkey="y", vendor=10**30)
    assert RawAudio.from_record(record) == replace(RAW, sequence=None, channel=None)


@pytest.mark.parametrize("name", REQUIRED)
def test_each_required_member_has_to_be_there(name: str) -> None:
    content = content_of(RAW)
    del content[name]
    for record in (structured(content), structured(content | {name: None})):
        assert (rejected(record).code, rejected(record).field) == ("MissingMember", name)


@pytest.mark.parametrize(
    ("members", "code", "field", "rule"),
    [
        ({"specversion": "0.3"}, "WrongMember", "specversion", "must be 1.0"),
        ({"specversion": 1}, "MalformedMember", "specversion", "must be a string"),
        ({"specversion": 1.0}, "MalformedMember", "specversion", "must be a string"),
        ({"type": "hotel.audio.raw.v2"}, "WrongMember", "type", "hotel.audio.raw.v1"),
        ({"id": 7}, "MalformedMember", "id", "must be a string"),
        ({"id": ""}, "MalformedMember", "id", "1 to 255 characters"),
        ({"source": "not a uri"}, "MalformedMember", "source", "URI-reference"),
        ({"hotelid": "a\nb"}, "MalformedMember", "hotelid", "control characters"),
        ({"hotelid": "\ud800"}, "MalformedMember", "hotelid", "UTF-8"),
        ({"time": "yesterday"}, "MalformedMember", "time", "RFC 3339"),
        ({"time": 1769851800}, "MalformedMember", "time", "must be a string"),
        ({"datacontenttype": "audio/L16"}, "BadRate", "datacontenttype", "rate"),
        ({"datacontenttype": "text/plain"}, "UnsupportedMediaType", "datacontenttype", "audio/wav"),
        ({"sequence": -1}, "MalformedMember", "sequence", "0 to 2147483647"),
        ({"sequence": 1.5}, "MalformedMember", "sequence", "whole number"),
        ({"sequence": True}, "MalformedMember", "sequence", "whole number"),
        ({"sequence": [1]}, "MalformedMember", "sequence", "whole number"),
        ({"final": 1}, "MalformedMember", "final", "false, true"),
        ({"final": "True"}, "MalformedMember", "final", "false, true"),
        ({"channel": "both"}, "MalformedMember", "channel", "agent, guest, mixed, prompt"),
        ({"vendor": {"a": 1}}, "MalformedMember", "vendor", "'vendor'"),
        ({"Vendor: x": []}, "MalformedMember", "value", "'Vendor: x'"),
        ({"dataref": "s3://bucket/key"}, "ValueAndReference", "dataref", "either the audio, or a reference"),
        ({"dataref": "a b", "data_base64": None}, "MalformedMember", "dataref", "URI-reference"),
        ({"dataref": 7, "data_base64": None}, "MalformedMember", "dataref", "must be a string"),
        ({"dataref": "s3://bucket/key", "data_base64": None, "sha256": 7}, "MalformedMember", "sha256", "64"),
        ({"dataref": None, "data_base64": None}, "MissingMember", "data_base64", "unless dataref"),
        ({"data": "text"}, "UnsupportedMember", "data", "data_base64"),
        ({"data": {"samples": [1, 2]}}, "UnsupportedMember", "data", "data_base64"),
        ({"data_base64": ""}, "EmptyValue", "data_base64", "at least one sample"),
        ({"data_base64": 5}, "MalformedMember", "data_base64", "must be a string"),
        ({"data_base64": "AAA"}, "MalformedMember", "data_base64", "padded"),
        ({"data_base64": "AAAA\r\nAAAA"}, "MalformedMember", "data_base64", "line breaks"),
        ({"data_base64": "AAAA AAAA"}, "MalformedMember", "data_base64", "blanks"),
        ({"data_base64": "-_-_"}, "MalformedMember", "data_base64", "standard alphabet"),
        ({"data_base64": "AAAA===="}, "MalformedMember", "data_base64", "padded"),
        ({"data_base64": "äöüß"}, "MalformedMember", "data_base64", "RFC 4648"),
        ({"data_base64": "A" * 1344}, "ValueTooLarge", "data_base64", "1000"),
        ({"callid": "call-2"}, "WrongKey", "key", "differs from callid"),
        ({f"x{number}": "" for number in range(128)}, "MalformedJson", "value", "128 members"),
    ],
)
def test_a_broken_member_is_named_with_its_rule(members: dict[str, Any], code: str, field: str, rule: str) -> None:
    rejection = rejected(changed(**members))
    assert (rejection.code, rejection.field) == (code, field)
    assert rule in rejection.reason


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "EmptyValue"),
        (b"", "EmptyValue"),
        (b"RIFF....WAVE", "MalformedJson"),
        (b"\xff\xfe{\0}\0", "MalformedJson"),
        (b"\xef\xbb\xbf{}", "MalformedJson"),
        (b"[]", "MalformedJson"),
        (b'{"id": "1"', "MalformedJson"),
        (b'{"id": "1"} {}', "MalformedJson"),
        (b'{"id": NaN}', "MalformedJson"),
        (b"{'id': '1'}", "MalformedJson"),
        (b'{"id": "1",}', "MalformedJson"),
        (b"{" * 60_000, "MalformedJson"),
        (b'{"id": "' + b"x" * 70_000 + b'"}', "ValueTooLarge"),
    ],
)
def test_a_value_that_is_no_json_object_of_an_event_is_rejected(value: bytes | None, code: str) -> None:
    rejection = rejected(structured({}, value=value))
    assert (rejection.code, rejection.field) == (code, "value")


def test_a_member_that_occurs_twice_is_rejected_however_it_is_spelt() -> None:
    rejection = rejected(structured(b'{"id": "1", "\\u0069d": "1"}'))
    assert (rejection.code, rejection.field) == ("DuplicateMember", "id")


@pytest.mark.parametrize(
    ("content_type", "code", "named"),
    [
        ("application/cloudevents-batch+json", "UnsupportedEventFormat", "a record of its own"),
        ("application/cloudevents+avro", "UnsupportedEventFormat", "application/cloudevents+json"),
        ("application/cloudevents+protobuf", "UnsupportedEventFormat", "binary mode"),
        ("application/cloudevents+xml; charset=utf-8", "UnsupportedEventFormat", "'application/cloudevents+xml'"),
        ("application/cloudevents", "UnsupportedEventFormat", "application/cloudevents+json"),
        ("application/cloudevents+json; charset=utf-16", "UnsupportedEventFormat", "utf-8"),
        ("application/cloudevents+json; charset", "MalformedMediaType", "charset=utf-8"),
    ],
)
def test_other_formats_are_rejected_by_name_with_the_remedy(content_type: str, code: str, named: str) -> None:
    rejection = rejected(structured(content_of(RAW), content_type))
    assert (rejection.code, rejection.field) == (code, "content-type")
    assert named in rejection.reason


@pytest.mark.parametrize("key", [None, b"", b"call-2"])
def test_the_key_is_the_call_id_as_in_binary_mode(key: bytes | None) -> None:
    rejection = rejected(structured(content_of(RAW), key=key))
    assert (rejection.code, rejection.field) == ("MissingKey" if key is None else "WrongKey", "key")
    assert "callid" in rejection.reason


def test_two_content_types_are_rejected() -> None:
    header = ("content-type", JSON.encode())
    rejection = RawAudio.from_record(structured(content_of(RAW), headers=(header, header)))
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("DuplicateHeader", "content-type")


@given(
    st.dictionaries(
        st.sampled_from(REQUIRED) | st.text(max_size=5), st.text() | st.integers() | st.none() | st.lists(st.none())
    )
)
def test_no_object_raises(content: dict[str, Any]) -> None:
    assert isinstance(RawAudio.from_record(structured(content_of(RAW) | content)), RawAudio | Rejection)
    assert isinstance(RawAudio.from_record(structured(content)), RawAudio | Rejection)
    hotel_of(structured(content))


@given(st.binary())
def test_no_value_raises(value: bytes) -> None:
    assert isinstance(RawAudio.from_record(structured({}, value=value)), Rejection)
    assert hotel_of(structured({}, value=value)) is None


def test_a_bomb_takes_no_more_memory_than_its_text() -> None:
    bombs = [b'{"vendor": ' + b"[]," * 3_000_000, b"{" + b'"a":1,' * 1_500_000, b"[" * 9_000_000]
    tracemalloc.start()
    try:
        for bomb in bombs:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            assert isinstance(RawAudio.from_record(structured(bomb)), Rejection)
            assert tracemalloc.get_traced_memory()[1] - before < 2 * len(bomb)
    finally:
        tracemalloc.stop()


def test_the_hotel_of_a_rejected_event_is_known_where_its_members_can_be_read() -> None:
    assert hotel_of(changed(data_base64="?")) == "seaside"
    assert hotel_of(changed(hotelid="")) is None
    assert hotel_of(changed(hotelid="\ud800")) is None
    assert hotel_of(structured(b"{")) is None
    assert hotel_of(RAW.to_record()) == "seaside"
