"""Adds offsets to a transaction, for a member of a consumer group in one generation.

aiokafka 0.14 uses version 0 of TxnOffsetCommit, which does not name the member: the coordinator accepts offsets from
any producer, even for a member that left the group long ago. From version 3 on, the request names the member and its
generation, and the coordinator refuses outdated ones (KIP-447): the transaction of a former owner cannot commit,
whatever its transactional id. From version 5 on, the request itself adds the offsets to the transaction (KIP-890).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactString, Int16, Int32, Int64, Schema, TaggedFields
from aiokafka.structs import OffsetAndMetadata

from streams.kafka.protocol.producer_id import ProducerIdAndEpoch
from streams.kafka.protocol.topic_array import NO_TAGS, by_topic, topic_array

_NO_EPOCH = -1

Offsets = Mapping[TopicPartition, OffsetAndMetadata]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of a consumer group in one generation.

    Attributes:
        group: The consumer group.
        generation: The generation, which increases with every rebalance.
        member_id: The member id, given by the group's coordinator.
        instance: Its ``group.instance.id``, kept over restarts.
    """

    group: str
    generation: int
    member_id: str
    instance: str


class TxnOffsetCommitResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """The group coordinator's answer to a `TxnOffsetCommit`."""

    API_KEY = 28
    API_VERSION = 5
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", topic_array(("partition_index", Int32), ("error_code", Int16))),
        ("tags", TaggedFields),
    )

    def error_codes(self) -> Iterator[tuple[TopicPartition, int]]:
        """Yield the error code of each partition's offset, 0 for success."""
        for topic, partitions, _ in self.topics:
            for partition, code, _ in partitions:
                yield TopicPartition(topic, partition), code


class _TxnOffsetCommitRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 28
    API_VERSION = 5
    RESPONSE_TYPE = TxnOffsetCommitResponse
    SCHEMA = Schema(
        ("transactional_id", CompactString("utf-8")),
        ("group_id", CompactString("utf-8")),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation_id", Int32),
        ("member_id", CompactString("utf-8")),
        ("group_instance_id", CompactString("utf-8")),
        (
            "topics",
            topic_array(
                ("partition_index", Int32),
                ("committed_offset", Int64),
                ("committed_leader_epoch", Int32),
                ("committed_metadata", CompactString("utf-8")),
            ),
        ),
        ("tags", TaggedFields),
    )


class TxnOffsetCommit(Request[_TxnOffsetCommitRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Adds a group's offsets to a transaction.

    Args:
        transactional_id: The transactional id.
        producer: Current producer id and epoch.
        member: The member of the group that owns the partitions.
        offsets: The next offset of each input partition, with metadata.
    """

    API_KEY = 28

    def __init__(
        self, transactional_id: str, producer: ProducerIdAndEpoch, member: GroupMember, offsets: Offsets
    ) -> None:
        self._transactional_id = transactional_id
        self._producer = producer
        self._member = member
        self._offsets = offsets

    def build(self, request_struct_class: type[_TxnOffsetCommitRequestStruct]) -> _TxnOffsetCommitRequestStruct:
        """Fill in the request's fields."""
        topics = by_topic(
            (topic, (partition, committed.offset, _NO_EPOCH, committed.metadata, NO_TAGS))
            for (topic, partition), committed in self._offsets.items()
        )
        member = self._member
        return request_struct_class(
            self._transactional_id,
            member.group,
            *self._producer,
            member.generation,
            member.member_id,
            member.instance,
            topics,
            NO_TAGS,
        )
