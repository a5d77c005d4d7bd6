"""Events written by the CloudEvents SDKs: Python's runs here; records of JavaScript's, Java's and Go's are stored."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import CloudEvent as OldCloudEvent
from cloudevents.v1.kafka import to_binary, to_structured

from schemas import CompressedAudio, MediaType, RawAudio, Record, Rejection
from tests.contract.test_samples import sample

ATTRIBUTES = {
    "id": "1",
    "source": "/pbx",
    "type": "hotel.audio.raw.v1",
    "datacontenttype": "audio/L16;rate=8000",
    "hotelid": "grand-harbour",
    "callid": "café-42",
    "channel": "guest",
}
TIME = datetime(2026, 1, 31, 9, 30, 0, 250_000, tzinfo=UTC)
AUDIO = b"\x00\x01\xff\xfe" * 4
EVENT = RawAudio(
    id="1",
    source="/pbx",
    hotel_id="grand-harbour",
    call_id="café-42",
    media_type=MediaType("audio/L16", (("rate", "8000"),)),
    audio=AUDIO,
    time=TIME,
    channel="guest",
    sequence=7,
    final=True,
)


def record(message: Any) -> Record:
    """An SDK's message as a Kafka record."""
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return Record(key, message.value, tuple(message.headers.items()))


def event(**attributes: Any) -> CloudEvent:
    return CloudEvent(ATTRIBUTES | {"specversion": "1.0", "time": TIME} | attributes, AUDIO)


def key(of: Any) -> str:
    return str(of.get_extension("callid"))


def test_binary_mode_of_the_python_sdk() -> None:
    message: KafkaMessage = to_binary_event(event(sequence=7, final="true"), key_mapper=key)
    assert RawAudio.from_record(record(message)) == EVENT


def test_structured_mode_of_the_python_sdk() -> None:
    message = to_structured_event(event(sequence=7, final=True), key_mapper=key)
    assert RawAudio.from_record(record(message)) == EVENT


def test_the_python_sdks_former_interface_labels_structured_mode_as_its_audio_and_is_told_so() -> None:
    attributes = ATTRIBUTES | {"time": TIME.isoformat(), "sequence": "7", "final": "true"}
    binary, whole = (
        record(write(OldCloudEvent(attributes, AUDIO), data_marshaller=bytes, key_mapper=lambda one: one["callid"]))
        for write in (to_binary, to_structured)
    )
    assert RawAudio.from_record(binary) == EVENT
    rejection = RawAudio.from_record(whole)
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("UnsupportedEventFormat", "content-type")
    assert "application/cloudevents+json" in rejection.reason
    assert "datacontenttype" in rejection.reason


def test_pythons_own_true_is_no_boolean_of_cloudevents_and_is_refused_by_name() -> None:
    rejection = RawAudio.from_record(record(to_binary_event(event(sequence=7, final=True), key_mapper=key)))
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("MalformedHeader", "ce_final")
    assert "'True'" in rejection.reason
    assert "false, true" in rejection.reason


def test_text_in_place_of_bytes_is_refused_by_name() -> None:
    text = CloudEvent(event(sequence=7).get_attributes(), "RIFF")
    rejection = RawAudio.from_record(record(to_structured_event(text, key_mapper=key)))
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("UnsupportedMember", "data")


def test_an_event_without_a_key_is_refused_by_name_in_both_modes() -> None:
    for write in (to_binary_event, to_structured_event):
        rejection = RawAudio.from_record(record(write(event(sequence=7))))
        assert isinstance(rejection, Rejection)
        assert (rejection.code, rejection.field) == ("MissingKey", "key")


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        pytest.param(
            {  # the unset attributes are headers without a value
                "content-type": b"audio/L16;rate=8000",
                "ce_id": b"1",
                "ce_time": b"2026-01-31T09:30:00.250Z",
                "ce_type": b"hotel.audio.raw.v1",
                "ce_source": b"/pbx",
                "ce_specversion": b"1.0",
                "ce_datacontenttype": b"audio/L16;rate=8000",
                "ce_subject": None,
                "ce_datacontentencoding": None,
                "ce_dataschema": None,
                "ce_schemaurl": None,
                "ce_hotelid": b"grand-harbour",
                "ce_callid": "café-42".encode(),
                "ce_channel": b"guest",
                "ce_sequence": b"7",
                "ce_final": b"true",
            },
            AUDIO,
            id="JavaScript, binary",
        ),
        pytest.param(
            {"content-type": b"application/cloudevents+json; charset=utf-8"},
            '{"id":"1","time":"2026-01-31T09:30:00.250Z","type":"hotel.audio.raw.v1","source":"/pbx","specversion":"1.0",'
            '"datacontenttype":"audio/L16;rate=8000","data_base64":"AAH//gAB//4AAf/+AAH//g==","hotelid":"grand-harbour",'
            '"callid":"café-42","channel":"guest","sequence":7,"final":true}'.encode(),
            id="JavaScript, structured",
        ),
        pytest.param(
            {
                "ce_specversion": b"1.0",
                "ce_id": b"1",
                "ce_source": b"/pbx",
                "ce_type": b"hotel.audio.raw.v1",
                "content-type": b"audio/L16;rate=8000",
                "ce_time": b"2026-01-31T09:30:00.25Z",
                "ce_callid": "café-42".encode(),
                "ce_sequence": b"7",
                "ce_channel": b"guest",
                "ce_final": b"true",
                "ce_hotelid": b"grand-harbour",
            },
            AUDIO,
            id="Java, binary",
        ),
        pytest.param(
            {"content-type": b"application/cloudevents+json"},
            '{"specversion":"1.0","id":"1","source":"/pbx","type":"hotel.audio.raw.v1","datacontenttype":'
            '"audio/L16;rate=8000","time":"2026-01-31T09:30:00.25Z","callid":"café-42","sequence":7,"channel":"guest",'
            '"final":true,"hotelid":"grand-harbour","data_base64":"AAH//gAB//4AAf/+AAH//g=="}'.encode(),
            id="Java, structured",
        ),
        pytest.param(
            {"content-type": b"application/cloudevents+json"},
            '{"specversion":"1.0","id":"1","source":"/pbx","type":"hotel.audio.raw.v1","datacontenttype":'
            '"audio/L16;rate=8000","time":"2026-01-31T09:30:00.25Z","data_base64":"AAH//gAB//4AAf/+AAH//g==",'
            '"callid":"café-42","channel":"guest","final":true,"hotelid":"grand-harbour","sequence":7}'.encode(),
            id="Go, structured",
        ),
    ],
)
def test_other_sdks(headers: dict[str, bytes | None], value: bytes) -> None:
    assert RawAudio.from_record(Record("café-42".encode(), value, tuple(headers.items()))) == EVENT


@pytest.mark.parametrize("name", ["raw-l16", "raw-pcmu", "raw-wav", "raw-structured", "compressed-flac"])
def test_the_python_sdk_reads_what_we_write(name: str) -> None:
    written = sample(name)
    headers = {header: value or b"" for header, value in written.headers}
    found = from_kafka_event(KafkaMessage(headers, written.key, written.value or b""))
    one = (CompressedAudio if name.startswith("compressed") else RawAudio).from_record(written)
    assert isinstance(one, RawAudio | CompressedAudio)
    assert (found.get_id(), found.get_source()) == (one.id, one.source)
    assert one.time in {found.get_time(), None}, "the SDK makes up a time where there is none"
    assert (found.get_extension("callid"), found.get_data()) == (one.call_id, one.audio)
