"""Writes record batches to one broker, as part of a transaction.

From version 12 on, the request itself adds its partitions to the transaction (KIP-890). Earlier versions, which
aiokafka uses, need a separate request and its response before.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
    UnsignedVarInt32,
)

from streams.kafka.protocol.topic_array import NO_TAGS, by_topic, topic_array

_ALL_IN_SYNC = -1


class PartitionResult(NamedTuple):
    """The result of one partition's batch.

    Attributes:
        code: Kafka's error code, 0 for success.
        append_ms: The broker's append time, in milliseconds since the epoch; -1 when it is missing.
        detail: The broker's error messages.
    """

    code: int
    append_ms: int
    detail: str


class ProduceResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """A broker's answer to a `Produce`."""

    API_KEY = 0
    API_VERSION = 12
    SCHEMA = Schema(
        (
            "responses",
            topic_array(
                ("index", Int32),
                ("error_code", Int16),
                ("base_offset", Int64),
                ("log_append_time_ms", Int64),
                ("log_start_offset", Int64),
                (
                    "record_errors",
                    CompactArray(
                        ("batch_index", Int32), ("error_message", CompactString("utf-8")), ("tags", TaggedFields)
                    ),
                ),
                ("error_message", CompactString("utf-8")),
            ),
        ),
        ("throttle_time_ms", Int32),
        ("tags", TaggedFields),
    )

    def results(self) -> Iterator[tuple[TopicPartition, PartitionResult]]:
        """Yield the result of each partition's batch."""
        for topic, partitions, _ in self.responses:
            for partition, code, _base, append_ms, _start, record_errors, message, _ in partitions:
                details = [message, *(f"record {at}: {text}" for at, text, _ in record_errors or () if text)]
                yield (
                    TopicPartition(topic, partition),
                    PartitionResult(code, append_ms, ", ".join(filter(None, details))),
                )


class _ProduceRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 0
    API_VERSION = 12
    RESPONSE_TYPE = ProduceResponse
    SCHEMA = Schema(
        ("transactional_id", CompactString("utf-8")),
        ("acks", Int16),
        ("timeout_ms", Int32),
        ("topics", topic_array(("index", Int32), ("records", CompactBytes))),
        ("tags", TaggedFields),
    )

    def encode(self) -> bytes:
        return b"".join(_parts(self.SCHEMA, [self.__dict__[name] for name in self.SCHEMA.names]))


class Produce(Request[_ProduceRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Writes batches; the response comes when all in-sync replicas have them.

    Args:
        transactional_id: The transactional id.
        timeout_ms: Milliseconds for which the broker waits for its replicas.
        batches: A record batch for each partition.
    """

    API_KEY = 0

    def __init__(self, transactional_id: str, timeout_ms: int, batches: Mapping[TopicPartition, bytearray]) -> None:
        self._transactional_id = transactional_id
        self._timeout_ms = timeout_ms
        self._batches = batches

    def build(self, request_struct_class: type[_ProduceRequestStruct]) -> _ProduceRequestStruct:
        """Fill in the request's fields."""
        topics = by_topic((topic, (partition, batch, NO_TAGS)) for (topic, partition), batch in self._batches.items())
        return request_struct_class(self._transactional_id, _ALL_IN_SYNC, self._timeout_ms, topics, NO_TAGS)


def _parts(kind: Any, value: Any) -> Iterator[bytes | bytearray]:  # noqa: ANN401  aiokafka has no types
    """Yield the encoded parts of a value; aiokafka joins them at each level, which copies megabytes several times."""
    if isinstance(kind, Schema):
        for field, item in zip(kind.fields, value, strict=True):
            yield from _parts(field, item)
    elif isinstance(kind, CompactArray):
        yield UnsignedVarInt32.encode(len(value) + 1)
        for item in value:
            yield from _parts(kind.array_of, item)
    elif kind is CompactBytes:
        yield UnsignedVarInt32.encode(len(value) + 1)
        yield value
    else:
        yield kind.encode(value)
