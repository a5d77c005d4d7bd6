"""What brokers know of topics, with the id that tells a topic from a former one of the same name.

aiokafka 0.14 asks with version 5 of Metadata at most; ids come with version 10.
"""

from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NoError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from streams.kafka.protocol.topic_array import NO_TAGS

_ID_BYTES = 16


class TopicId(AbstractType[bytes]):  # type: ignore[misc]  # aiokafka has no types
    """Sixteen bytes, all of them zero where an id is not given."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """Lay an id out for the wire."""
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        """Read an id."""
        return data.read(_ID_BYTES)


NO_ID = bytes(_ID_BYTES)


class MetadataResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """A broker's answer to a `Metadata`."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", TopicId),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", TopicId), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class Metadata(Request[_MetadataRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Asks a broker for topics, and creates none; needs Kafka 3.0 or later.

    Args:
        topics: Their names.
    """

    API_KEY = 3

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        """Lay the request out for the wire."""
        return request_struct_class([(NO_ID, name, NO_TAGS) for name in self._topics], False, False, NO_TAGS)


@dataclass(frozen=True, slots=True)
class TopicMetadata:
    """A topic that exists.

    Attributes:
        id: Tells it from one of the same name that was deleted.
        leaders: The broker that leads each partition, by the partition's number; -1 where there is none.
    """

    id: bytes
    leaders: tuple[int, ...]


async def fetch_topics(client: AIOKafkaClient, names: Collection[str]) -> dict[str, TopicMetadata]:
    """Ask any broker for topics; those that do not exist are left out.

    Raises:
        KafkaError: When the broker does not answer, or refuses.
    """
    return existing_topics(await client.send(client.get_random_node(), Metadata(names)))


def existing_topics(response: Any) -> dict[str, TopicMetadata]:  # noqa: ANN401  aiokafka has no types
    """Topics in the answer to a `Metadata`; those that do not exist are left out.

    Raises:
        KafkaError: For the first other error of a topic.
    """
    found = {}
    for code, name, topic_id, _, partitions, *_ in response.topics:
        error = for_code(code)
        if error is UnknownTopicOrPartitionError:
            continue
        if error is not NoError:
            raise error(name)
        leaders = {partition: leader for _, partition, leader, *_ in partitions}
        found[name] = TopicMetadata(topic_id, tuple(leaders[partition] for partition in sorted(leaders)))
    return found
