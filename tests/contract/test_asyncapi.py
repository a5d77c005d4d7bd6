import json
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas import (
    CompressedAudio,
    Cut,
    DeadLetter,
    Headers,
    MediaType,
    PolicyEvent,
    RawAudio,
    Record,
    Stage,
)
from schemas.audit import ACTIONS, OUTCOMES
from schemas.compressed_audio import COMPRESSED_AUDIO_TYPE
from schemas.raw_audio import RAW_AUDIO_TYPE
from streams.compliance.signed_head import SignedHead
from tests.contract.test_samples import EVENTS, SAMPLES, sample
from tests.contract.test_structured import content_of, structured
from tests.support.events import COMPRESSED, COMPRESSED_BY_REFERENCE, LETTER, RAW, RAW_BY_REFERENCE

DOCUMENT: dict[str, Any] = yaml.safe_load((files("schemas") / "asyncapi.yaml").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
MESSAGES = DOCUMENT["components"]["messages"]
READERS: dict[str, type[RawAudio | CompressedAudio | DeadLetter]] = {
    "rawAudio": RawAudio,
    "compressedAudio": CompressedAudio,
    "deadLetter": DeadLetter,
}

FULL_COMPRESSED = replace(
    COMPRESSED_BY_REFERENCE,
    time=RAW.time,
    channel="guest",
    sequence=1,
    lost_ms=0,
    final=True,
    corrected_type="audio/PCMU",
    repaired="riff-size, data-size",
    reason="fax",
    trace_parent=RAW.trace_parent,
    trace_state=RAW.trace_state,
    archive=True,
    causation_source="/pbx",
)
MINIMAL_RAW = replace(
    RAW,
    time=None,
    channel=None,
    stream_id=None,
    sequence=None,
    lost_ms=None,
    final=False,
    trace_parent=None,
    trace_state=None,
    guest_ref=None,
)
CUT_LETTER = replace(LETTER, cut=Cut(70_000, "0" * 64, 90, 66_000), last_offset=5, raw_headers=b"\2\2\xff\1")
TIMELESS_LETTER = replace(LETTER, original=replace(LETTER.original, timestamp_ms=None))


def as_ecma(schema: Any) -> Any:
    """A schema whose ``$`` matches only the end of the text, as in JSON Schema; Python's also precedes a line break."""
    if isinstance(schema, list):
        return [as_ecma(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: as_ecma(value) for key, value in schema.items()}
    if isinstance(schema.get("pattern"), str):
        changed["pattern"] = re.sub(r"\$$", r"\\Z", schema["pattern"])
    return changed


COMPONENTS = as_ecma(DOCUMENT["components"])


@cache
def validator(schema: str) -> jsonschema.Draft7Validator:
    """A validator for AsyncAPI's schemas, which are those of JSON Schema's draft 7."""
    return jsonschema.Draft7Validator({"$ref": f"#/components/schemas/{schema}", "components": COMPONENTS})


def documented(schema: str, content: object) -> bool:
    """Whether the document allows the record."""
    return bool(validator(schema).is_valid(content))


def names(headers: Headers) -> set[str]:
    return {name for name, _ in headers}


def test_is_valid_asyncapi() -> None:
    schema = json.loads(Path(__file__).with_name("asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(DOCUMENT)


@pytest.mark.parametrize(
    ("schema", "full", "minimal"),
    [
        ("rawAudioHeaders", RAW_BY_REFERENCE.to_record().headers, MINIMAL_RAW.to_record().headers),
        ("compressedAudioHeaders", FULL_COMPRESSED.to_record().headers, COMPRESSED.to_record().headers),
        ("deadLetterHeaders", CUT_LETTER.to_record().headers[2:], TIMELESS_LETTER.to_record().headers[2:]),
    ],
)
def test_headers_are_those_of_the_code(schema: str, full: Headers, minimal: Headers) -> None:
    assert set(SCHEMAS[schema]["properties"]) == names(full)
    assert set(SCHEMAS[schema]["required"]) == names(minimal)


@pytest.mark.parametrize("name", [name for name in EVENTS if name != "policy"])
def test_samples_satisfy_the_documented_headers(name: str) -> None:
    record = sample(name)
    schema = {"raw": "rawAudioHeaders", "compressed": "compressedAudioHeaders", "dead": "deadLetterHeaders"}
    headers = {key: (value or b"").decode() for key, value in record.headers}
    assert documented(schema[name.partition("-")[0]], headers)


def test_the_sample_in_structured_mode_satisfies_the_documented_object() -> None:
    record = sample("raw-structured")
    assert documented("rawAudioEvent", json.loads(record.value or b""))
    assert documented("structuredHeaders", {key: (value or b"").decode() for key, value in record.headers})


@pytest.mark.parametrize(
    ("message", "example"), [(name, one) for name in READERS for one in MESSAGES[name].get("examples", ())]
)
def test_the_examples_are_events(message: str, example: dict[str, Any]) -> None:
    [file] = re.findall(r"samples/([\w-]+\.bin)", example["summary"])
    headers = tuple((name, value.encode()) for name, value in example["headers"].items())
    record = Record(example["headers"]["ce_callid"].encode(), (SAMPLES / file).read_bytes(), headers)
    assert isinstance(READERS[message].from_record(record), READERS[message])
    assert documented(MESSAGES[message]["headers"]["$ref"].rpartition("/")[2], example["headers"])


def test_the_example_in_structured_mode_is_an_event() -> None:
    [example] = MESSAGES["rawAudioStructured"]["examples"]
    assert documented("rawAudioEvent", example["payload"])
    assert documented("structuredHeaders", example["headers"])
    record = structured(example["payload"], example["headers"]["content-type"], key=b"1769851800.4711")
    assert isinstance(RawAudio.from_record(record), RawAudio)


def test_the_example_of_a_policy_is_one() -> None:
    [example] = MESSAGES["policy"]["examples"]
    record = Record(example["payload"]["hotel"].encode(), json.dumps(example["payload"]).encode())
    assert isinstance(PolicyEvent.from_record(record), PolicyEvent)


def test_the_documented_entries_and_heads_of_the_audit_are_those_of_the_code() -> None:
    [example] = MESSAGES["auditEntry"]["examples"]
    assert example["payload"] == json.loads(sample("audit-entry").value or b"")
    assert documented("auditEntry", example["payload"])
    assert SCHEMAS["auditEntry"]["required"] == list(SCHEMAS["auditEntry"]["properties"]) == list(example["payload"])
    assert set(SCHEMAS["auditEntry"]["properties"]["event.action"]["enum"]) == ACTIONS
    assert set(SCHEMAS["auditEntry"]["properties"]["event.outcome"]["enum"]) == OUTCOMES
    head = SignedHead("audio.audit", 7, "0" * 64, "2026-12-01T08:00:00+00:00", "0" * 128)
    assert documented("auditHead", head.fields())
    assert SCHEMAS["auditHead"]["required"] == list(head.fields())


#: Headers whose rule is wider than what a pattern can say: the document lets pass what is refused, never the reverse.
WIDER = {"content-type", "ce_time"}
#: What is dropped instead of refused where it breaks its rule.
NOT_JUDGED = {"ce_traceparent", "ce_tracestate"}
#: What is looked at only where the audio lies elsewhere.
OF_REFERENCES = {"ce_dataref", "ce_sha256"}
JUDGED = sorted(SCHEMAS["rawAudioHeaders"]["properties"].keys() - NOT_JUDGED)
EDGES = (
    *("", " ", "0", "00", "7", "-1", "+1", "1.0", "1e3", "1\n", "\u0661", "true", "false", "True", "TRUE", "false\n"),
    *(
        "2147483647",
        "2147483648",
        "9999999999",
        "000000000007",
        "0000000002147483648",
        "00000000000000000001",
        "9" * 12,
    ),
    *(
        "guest",
        "Guest",
        "both",
        "1.0",
        "hotel.audio.raw.v1",
        "hotel.audio.raw.v2",
        "/pbx",
        "urn:pbx:1",
        "a b",
        "%",
        "%4g",
    ),
    *(
        "a\tb",
        "a\x00b",
        "\x7f",
        "\x85",
        "\u2028",
        "é",
        "😀" * 255,
        "😀" * 256,
    ),
    *("x" * length for length in (128, 129, 255, 256, 271, 272)),
    *(
        "2026-01-31T09:30:00Z",
        "2026-01-31t09:30:00z",
        "2026-01-31T09:30:00.1234567890123+23:59",
        "2026-01-31 09:30:00Z",
    ),
    *("2026-01-31T24:00:00Z", "2026-01-31T09:30:60Z", "2026-01-31T09:30:00+24:00", "2026-01-31T09:30Z", "2026-01-31"),
    *("audio/wav", "AUDIO/WAV", "audio/L16;rate=8000", "text/plain", "application/cloudevents+json"),
)


@pytest.mark.parametrize("name", JUDGED)
def test_a_header_is_served_if_the_document_allows_it_and_only_then(name: str) -> None:
    assert [text for text in (None, *EDGES) if not agrees(name, text)] == []


@pytest.mark.parametrize("name", ["ce_time", "ce_sequence", "ce_source", "ce_hotelid"])
@given(text=st.text(alphabet="0123456789.TtZz:+-/%\n") | st.text())
def test_any_text_of_a_header_is_served_if_the_document_allows_it_and_only_then(name: str, text: str) -> None:
    assert agrees(name, text)


def agrees(name: str, text: str | None) -> bool:
    """Check that document and code both accept or both refuse a header; None means an absent one."""
    event = RAW_BY_REFERENCE if name in OF_REFERENCES else RAW
    event = replace(event, call_id=text) if name == "ce_callid" and text else event  # the key has to follow
    headers = {header: (value or b"").decode() for header, value in event.to_record().headers if header != name}
    headers |= {} if text is None else {name: text}
    value = b"" if "ce_dataref" in headers else RAW.audio  # nothing but its headers is described here
    record = Record(event.call_id.encode(), value, tuple((key, value.encode()) for key, value in headers.items()))
    served = isinstance(RawAudio.from_record(record), RawAudio)
    allowed = documented("rawAudioHeaders", headers)
    return allowed == served or (name in WIDER and allowed)


@pytest.mark.parametrize(
    "member",
    [
        {"sequence": 7},
        {"sequence": "7"},
        {"sequence": 2**31},
        {"sequence": True},
        {"sequence": [7]},
        {"final": False},
        {"final": "true"},
        {"final": 1},
        {"hotelid": 42},
        {"hotelid": ""},
        {"id": 42},
        {"channel": "both"},
        {"guestref": "g-7f3a9c2e"},
        {"guestref": 4711},
        {"guestref": "Ada Lovelace"},
        {"data_base64": "AAA"},
        {"data_base64": "AA=="},
        {"data_base64": "AA\nAA"},
        {"data_base64": ""},
        {"data": "AAAA"},
        {"dataref": "s3://bucket/key"},
        {"vendor": {"a": 1}},
        {"vendor": None},
        {"vendor": 1.5},
        {"specversion": 1},
    ],
)
def test_a_member_is_served_if_the_document_allows_it_and_only_then(member: dict[str, object]) -> None:
    content = content_of(RAW) | member
    assert documented("rawAudioEvent", content) == isinstance(RawAudio.from_record(structured(content)), RawAudio)


def test_event_types_are_those_of_the_code() -> None:
    assert SCHEMAS["rawAudioHeaders"]["properties"]["ce_type"]["const"] == RAW_AUDIO_TYPE
    assert SCHEMAS["rawAudioEvent"]["properties"]["type"]["const"] == RAW_AUDIO_TYPE
    assert SCHEMAS["compressedAudioHeaders"]["properties"]["ce_type"]["const"] == COMPRESSED_AUDIO_TYPE


def test_the_stages_of_a_refusal_are_those_of_the_code() -> None:
    assert tuple(SCHEMAS["deadLetterHeaders"]["properties"]["__connect.errors.stage"]["enum"]) == get_args(Stage)


def test_media_types_in_the_description_are_taken_in() -> None:
    text = DOCUMENT["components"]["messages"]["rawAudio"]["description"]
    described = re.findall(r"audio/[A-Za-z0-9-]+", text)
    assert len(described) == 10
    for name in described:
        assert isinstance(MediaType.parse(f"{name};rate=8000"), MediaType)
