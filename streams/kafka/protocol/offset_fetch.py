"""Reads a group's committed offsets, and checks every error of the response, including one that aiokafka ignores.

aiokafka 0.14 uses version 3 of OffsetFetch, whose response has one error for the whole request, and ignores it. A
coordinator that is still loading, or has just moved, answers with that error and no partitions; aiokafka takes this for
"nothing committed yet", and the group starts again at the oldest record, or skips to the newest.

Version 7 can also ask for stable offsets: the coordinator answers with an error while a transaction is being completed,
or while it does not know whether an offset in its log is replicated. Without this, an offset may be older than one that
was acknowledged.
"""

import asyncio
from collections.abc import Collection, Iterable
from contextvars import ContextVar
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorForGroupError,
    UnknownError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from aiokafka.structs import OffsetAndMetadata

from streams.kafka.protocol.topic_array import NO_TAGS, by_topic, topic_array

_NO_OFFSET = -1
_UNSTABLE_OFFSET_COMMIT = 88
_RETRY_PAUSE = 0.2
_STABLE = ContextVar("stable", default=True)


class UnstableOffsetCommitError(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """A transaction that changes this offset is being completed: send the request again."""

    retriable = True


class OffsetFetchResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    """The coordinator's answer to an `OffsetFetch`."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            topic_array(
                ("partition_index", Int32),
                ("committed_offset", Int64),
                ("committed_leader_epoch", Int32),
                ("metadata", CompactString("utf-8")),
                ("error_code", Int16),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class _OffsetFetchRequestStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 9
    API_VERSION = 7
    RESPONSE_TYPE = OffsetFetchResponse
    SCHEMA = Schema(
        ("group_id", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("partition_indexes", CompactArray(Int32)),
                ("tags", TaggedFields),
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class OffsetFetch(Request[_OffsetFetchRequestStruct]):  # type: ignore[misc]  # aiokafka has no types
    """Asks a group's coordinator for committed offsets; needs Kafka 2.5 or later.

    Args:
        group: Consumer group.
        partitions: The partitions.
        stable: Whether to get an error while a transaction that changes one of the offsets is being completed.
    """

    API_KEY = 9

    def __init__(self, group: str, partitions: Iterable[TopicPartition], *, stable: bool) -> None:
        self._group = group
        self._stable = stable
        self._topics = by_topic(partitions)

    def build(self, request_struct_class: type[_OffsetFetchRequestStruct]) -> _OffsetFetchRequestStruct:
        """Fill in the request's fields."""
        return request_struct_class(self._group, self._topics, self._stable, NO_TAGS)


def committed_offsets(response: OffsetFetchResponse) -> dict[TopicPartition, OffsetAndMetadata]:
    """Committed offsets in the response to an `OffsetFetch`; a partition without one is left out.

    Raises:
        KafkaError: For the first error, of the request or of a partition.
    """
    _check(response.error_code)
    offsets: dict[TopicPartition, OffsetAndMetadata] = {}
    for topic, partitions, _ in response.topics:
        for partition, offset, _, metadata, error_code, _ in partitions:
            _check(error_code)
            if offset != _NO_OFFSET:
                offsets[TopicPartition(topic, partition)] = OffsetAndMetadata(offset, metadata)
    return offsets


async def fetch_committed(
    client: AIOKafkaClient, broker: int, group: str, partitions: Collection[TopicPartition], *, stable: bool
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Read a group's committed offsets from one broker.

    A former coordinator that does not know of the change yet answers with old offsets.

    Args:
        client: A connected client.
        broker: Node id of the broker.
        group: Consumer group.
        partitions: The partitions.
        stable: Whether to get an error while a transaction that changes one of the offsets is being completed.

    Raises:
        KafkaError: When the broker does not answer, or refuses.
    """
    request = OffsetFetch(group, partitions, stable=stable)
    return committed_offsets(await client.send(broker, request, group=ConnectionGroup.COORDINATION))


async def fetch_last_committed(
    client: AIOKafkaClient, group: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Read the last committed offsets, ignoring open transactions; retry while the coordinator changes.

    This is good enough for the lag: it may return old offsets of a former coordinator, see `fetch_committed`.

    Raises:
        KafkaError: When the brokers refuse.
    """
    while True:
        try:
            coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
            return await fetch_committed(client, coordinator, group, partitions, stable=False)
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(_RETRY_PAUSE)


def _check(code: int) -> None:
    if code == _UNSTABLE_OFFSET_COMMIT:
        raise UnstableOffsetCommitError
    if code:
        error = for_code(code)
        raise error(f"error code {code}") if error is UnknownError else error()


class StrictCoordinator(GroupCoordinator):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's member of a consumer group, which reads committed offsets with `OffsetFetch`."""

    async def _do_fetch_commit_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Read committed offsets once; aiokafka's callers retry after a retriable error."""
        try:
            return committed_offsets(await self._send_req(OffsetFetch(self.group_id, partitions, stable=_STABLE.get())))
        except (NotCoordinatorForGroupError, GroupCoordinatorNotAvailableError):
            self.coordinator_dead()
            raise


def allow_unstable_positions(coordinator: GroupCoordinator) -> None:
    """Let a consumer start with unstable committed offsets; only for a consumer that seeks before it reads.

    While an offset is unstable, aiokafka fetches nothing from the brokers concerned. Then tables would recover only
    after the timeout of a transaction that a dead owner left open, because it is ended after the recovery. Offsets that
    are read with `fetch_committed` are not affected.
    """
    refresh = coordinator._maybe_refresh_commit_offsets  # noqa: SLF001  there is no public way

    async def refresh_at_once(assignment: Any) -> bool:  # noqa: ANN401  aiokafka has no types
        before = _STABLE.set(False)
        try:
            refreshed: bool = await refresh(assignment)
        finally:
            _STABLE.reset(before)
        return refreshed

    coordinator._maybe_refresh_commit_offsets = refresh_at_once  # noqa: SLF001
