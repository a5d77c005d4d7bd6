"""The AsyncAPI document's channels and operations are those of the topics file."""

from typing import Any

from schemas import load_topics
from tests.contract.test_asyncapi import DOCUMENT


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
