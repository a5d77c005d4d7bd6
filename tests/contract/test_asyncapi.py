import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from schemas import Headers, MediaType, load_topics
from schemas.compressed_audio import COMPRESSED_AUDIO_TYPE
from schemas.raw_audio import RAW_AUDIO_TYPE
from tests.contract.test_samples import EVENTS, sample
from tests.support.events import COMPRESSED, LETTER, RAW

DOCUMENT: dict[str, Any] = yaml.safe_load((files("schemas") / "asyncapi.yaml").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]

FULL_COMPRESSED = replace(
    COMPRESSED,
    time=RAW.time,
    channel="guest",
    sequence=1,
    lost_ms=0,
    final=True,
    corrected_type="audio/PCMU",
    reason="fax",
    trace_parent=RAW.trace_parent,
    trace_state=RAW.trace_state,
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
)


def names(headers: Headers) -> set[str]:
    return {name for name, _ in headers}


def test_is_valid_asyncapi() -> None:
    schema = json.loads(Path(__file__).with_name("asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(DOCUMENT)


@pytest.mark.parametrize(
    ("schema", "full", "minimal"),
    [
        ("rawAudioHeaders", RAW.to_record().headers, MINIMAL_RAW.to_record().headers),
        ("compressedAudioHeaders", FULL_COMPRESSED.to_record().headers, COMPRESSED.to_record().headers),
        ("deadLetterHeaders", LETTER.to_record().headers[2:], LETTER.to_record().headers[2:]),
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
    reference = {"$ref": f"#/components/schemas/{schema[name.partition('-')[0]]}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(reference).validate(headers)


def test_event_types_are_those_of_the_code() -> None:
    assert SCHEMAS["rawAudioHeaders"]["properties"]["ce_type"] == {"const": RAW_AUDIO_TYPE}
    assert SCHEMAS["compressedAudioHeaders"]["properties"]["ce_type"] == {"const": COMPRESSED_AUDIO_TYPE}


def test_channels_are_the_topics() -> None:
    channels = {channel["address"]: channel["bindings"]["kafka"] for channel in DOCUMENT["channels"].values()}
    expected = {}
    for spec in load_topics():
        configuration: dict[str, Any] = {
            key: [value] if key == "cleanup.policy" else int(value) for key, value in spec.configs.items()
        }
        expected[spec.resolve("{prefix}", "{group}")] = {
            "partitions": spec.partitions,
            "topicConfiguration": configuration,
            "bindingVersion": "0.5.0",
        }
    assert channels == expected


def test_media_types_in_the_description_are_taken_in() -> None:
    text = DOCUMENT["components"]["messages"]["rawAudio"]["description"]
    described = re.findall(r"audio/[A-Za-z0-9-]+", text)
    assert len(described) == 8
    for name in described:
        assert isinstance(MediaType.parse(f"{name};rate=8000"), MediaType)


def test_every_operation_refers_to_messages_of_its_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"].removeprefix("#/channels/")
        for message in operation["messages"]:
            at, _, name = message["$ref"].removeprefix("#/channels/").partition("/messages/")
            assert (at, name in DOCUMENT["channels"][channel]["messages"]) == (channel, True)
