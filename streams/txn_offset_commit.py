"""Offsets in a transaction on behalf of one member of the group, in one of its generations.

aiokafka 0.14 commits them with version 0 of TxnOffsetCommit, which says nothing of the group: its coordinator takes the
offsets of whoever writes in the transaction, also of a member that it has long given up. From version 3 on, the request
names the member and its generation, and a coordinator that knows better refuses (KIP-447): the transaction of a former
owner cannot commit, whichever its transactional id is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import ProducerFenced
from aiokafka.producer.sender import Sender, TxnOffsetCommitHandler
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.transaction import TxnOffsetCommitResponse_v0
from aiokafka.protocol.types import CompactString, Int16, Int32, Int64, Schema, TaggedFields
from aiokafka.structs import OffsetAndMetadata

from streams.topic_array import NO_TAGS, by_topic, topic_array

_NO_EPOCH = -1
_FENCED = {22: "ILLEGAL_GENERATION", 25: "UNKNOWN_MEMBER_ID", 82: "FENCED_INSTANCE_ID"}

Offsets = Mapping[TopicPartition, OffsetAndMetadata]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of a consumer group in one generation.

    Attributes:
        group: The group.
        generation: Counts the group's assignments.
        member_id: What the group's coordinator calls it.
        instance: Its ``group.instance.id``: what it calls itself, over restarts.
    """

    group: str
    generation: int
    member_id: str
    instance: str


class _TxnOffsetCommitResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 28
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", topic_array(("partition_index", Int32), ("error_code", Int16))),
        ("tags", TaggedFields),
    )


class _TxnOffsetCommitRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 28
    API_VERSION = 3
    RESPONSE_TYPE = _TxnOffsetCommitResponse
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


class _TxnOffsetCommit(Request[_TxnOffsetCommitRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 28

    def __init__(self, transactional_id: str, producer: tuple[int, int], member: GroupMember, offsets: Offsets) -> None:
        self._transactional_id = transactional_id
        self._producer = producer
        self._member = member
        self._offsets = offsets

    def build(self, request_struct_class: type[_TxnOffsetCommitRequestStruct]) -> _TxnOffsetCommitRequestStruct:
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


class _Handler(TxnOffsetCommitHandler):  # type: ignore[misc]  # aiokafka has no types
    """Sends the later version of the request; aiokafka judges the answer, but for the errors that it does not know."""

    def __init__(self, sender: Sender, offsets: Offsets, member: GroupMember) -> None:
        super().__init__(sender, offsets, member.group)
        self._member = member

    def create_request(self) -> _TxnOffsetCommit:
        transaction = self._sender._txn_manager  # noqa: SLF001  as the original does
        producer = transaction.producer_id, transaction.producer_epoch
        return _TxnOffsetCommit(transaction.transactional_id, producer, self._member, self._offsets)

    def handle_response(self, response: _TxnOffsetCommitResponse) -> float | None:
        errors = [
            (topic, [(partition, code) for partition, code, _ in partitions])
            for topic, partitions, _ in response.topics
        ]
        for _, partitions in errors:
            for _, code in partitions:
                if code in _FENCED:
                    raise ProducerFenced(f"the group no longer knows {self._member}: {_FENCED[code]}")
        backoff: float | None = super().handle_response(TxnOffsetCommitResponse_v0(0, errors))
        return backoff


class GroupFencedProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """A transactional producer whose transactions end with their member's generation; needs Kafka 2.5 or later.

    Args:
        member: On whose behalf offsets are committed; ``send_offsets_to_transaction`` must name its group.
        settings: As `AIOKafkaProducer` takes them.

    A commit on behalf of a member that its group no longer knows, or knows in another generation, raises
    `aiokafka.errors.ProducerFenced`.
    """

    def __init__(self, *, member: GroupMember, **settings: Any) -> None:
        super().__init__(**settings)
        sender = self._sender

        async def commit_offsets(offsets: Offsets, group: str) -> None:
            node = await sender._find_coordinator(CoordinationType.GROUP, group)  # noqa: SLF001  as the original does
            await _Handler(sender, dict(offsets), member).do(node)

        sender._do_txn_offset_commit = commit_offsets  # noqa: SLF001  it offers no other door
