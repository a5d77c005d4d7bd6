"""The AsyncAPI document's channels and operations are those of the topics file."""

from typing import Any

from schemas import load_topics
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import SEALED, seal_record
from tests.contract.test_asyncapi import DOCUMENT, MESSAGES, SCHEMAS, documented
from tests.support.events import COMPRESSED


def test_channels_are_the_topics() -> None:
    channels = {channel["address"]: channel["bindings"]["kafka"] for channel in DOCUMENT["channels"].values()}
    expected = {}
    for spec in load_topics():
        configuration: dict[str, Any] = {
            key: [value] if key == "cleanup.policy" else int(value) if value.isdigit() else value
            for key, value in spec.configs.items()
        }
        expected[spec.resolve("{prefix}", "{group}")] = {
            "partitions": spec.partitions,
            "topicConfiguration": configuration,
            "bindingVersion": "0.5.0",
        }
    assert channels == expected


def test_every_operation_refers_to_messages_of_its_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"].removeprefix("#/channels/")
        for message in operation["messages"]:
            at, _, name = message["$ref"].removeprefix("#/channels/").partition("/messages/")
            assert (at, name in DOCUMENT["channels"][channel]["messages"]) == (channel, True)


def test_the_headers_of_a_seal_are_those_of_the_code() -> None:
    sealed = seal_record(COMPRESSED.to_record(), DataKey.new())
    headers = {name: (value or b"").decode() for name, value in sealed.headers}
    assert documented("sealedHeaders", headers)
    in_clear = {name for name, _ in COMPRESSED.to_record().headers}
    assert set(SCHEMAS["sealedHeaders"]["required"]) == headers.keys() - in_clear
    assert all(name in MESSAGES["sealedRecord"]["description"] for name in SEALED)
