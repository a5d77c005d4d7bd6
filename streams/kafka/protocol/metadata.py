"""Topic metadata with topic ids, which distinguish a topic from an earlier, deleted one of the same name.

aiokafka 0.14 uses version 5 of Metadata at most; topic ids come with version 10.
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
    """Sixteen bytes; all zero for no id."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """Encode an id."""
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        """Decode an id."""
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
    """Asks a broker for the metadata of topics, without creating them; needs Kafka 3.0 or later.

    Args:
        topics: Names of the topics.
        rights: Whether to ask what the account may do with each of them, too.
    """

    API_KEY = 3

    def __init__(self, topics: Collection[str], *, rights: bool = False) -> None:
        self._topics, self._rights = topics, rights

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        """Fill in the request's fields."""
        return request_struct_class([(NO_ID, name, NO_TAGS) for name in self._topics], False, self._rights, NO_TAGS)


@dataclass(frozen=True, slots=True)
class TopicMetadata:
    """Metadata of a topic.

    Attributes:
        id: Kafka's topic id; a topic that is deleted and created again gets another one.
        leaders: Node id of each partition's leader, by partition number; -1 without a leader.
    """

    id: bytes
    leaders: tuple[int, ...]


async def fetch_topics(client: AIOKafkaClient, names: Collection[str]) -> dict[str, TopicMetadata]:
    """Read the metadata of topics from any broker; topics that do not exist are left out.

    Raises:
        KafkaError: When the broker does not answer, or refuses.
    """
    return existing_topics(await client.send(client.get_random_node(), Metadata(names)))


def existing_topics(response: Any) -> dict[str, TopicMetadata]:  # noqa: ANN401  aiokafka has no types
    """Topics in the response to a `Metadata`; topics that do not exist are left out.

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
