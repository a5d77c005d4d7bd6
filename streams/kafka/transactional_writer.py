"""Transactions of one transactional id, with as few requests as Kafka's protocol needs.

Since version 2 of Kafka's transactions (KIP-890), produce and offset requests join the transaction by themselves:
outputs and offsets are sent concurrently, and one more request commits. aiokafka's producer adds partitions and offsets
to the transaction beforehand, with a round trip for each, and keeps tasks and futures for every record.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    KafkaError,
    LeaderNotAvailableError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol.api import Request
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from schemas import Record
from streams.kafka.broker_clocks import BrokerClocks
from streams.kafka.error_codes import produce_error, retriable_errors
from streams.kafka.produce_errors import RefusedBatchError
from streams.kafka.protocol.end_txn import EndTxn
from streams.kafka.protocol.produce import Produce
from streams.kafka.protocol.producer_id import ProducerIdAndEpoch
from streams.kafka.protocol.txn_offset_commit import GroupMember, Offsets, TxnOffsetCommit, TxnOffsetCommitResponse
from streams.kafka.topology import InputTopicGoneError

#: A dead worker's open transaction blocks read_committed consumers until its successor fences it, or for this long.
_TRANSACTION_TIMEOUT_MS = 30_000
#: A frozen broker keeps its connections open: a request waits this long before it is sent to the new leader.
REQUEST_TIMEOUT_MS = 6_000
#: Seconds between retries. After a transaction, brokers refuse requests until its markers are written, which takes
#: milliseconds; an election takes longer.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
#: Seconds after which an unknown topic counts as deleted: a broker does not know an existing topic for moments only.
#: Less than the watchdog's timeout, so that the worker's last log line names the topic.
_UNKNOWN_TOPIC_TIMEOUT = 20.0
_MAX_BATCH_BYTES = 900 * 1024
_MAGIC, _UNCOMPRESSED, _TRANSACTIONAL = 2, 0, 1

_UNKNOWN = UnknownTopicOrPartitionError


class TransactionalWriter:
    """Writes records and a consumer group's offsets in transactions.

    Every method retries without limit while brokers or coordinators are down or change: callers set a timeout.

    Args:
        client: A connected client, may be shared. The cluster's ``transaction.version`` must be 2.
        transactional_id: The transactional id. Starting under it fences earlier producers with the same id, and ends
            their open transaction.
        clocks: Receives the brokers' append times; None to ignore them.
    """

    def __init__(self, client: AIOKafkaClient, transactional_id: str, clocks: BrokerClocks | None = None) -> None:
        self._client = client
        self._id = transactional_id
        self._clocks = clocks
        self._producer = ProducerIdAndEpoch(-1, -1)
        self._sequences: dict[TopicPartition, int] = {}
        self._coordinators: dict[int, int] = {}
        self._known_inputs: set[str] = set()

    async def start(self) -> None:
        """Fence earlier producers with this transactional id, and get a producer id and epoch.

        Raises:
            KafkaError: When the brokers refuse.
        """
        request = InitProducerIdRequest(self._id, _TRANSACTION_TIMEOUT_MS)
        answer = await self._ask_coordinator(CoordinationType.TRANSACTION, self._id, request, _only_error)
        self._producer = ProducerIdAndEpoch(answer.producer_id, answer.producer_epoch)

    async def write(self, outputs: Mapping[TopicPartition, Sequence[Record]]) -> None:
        """Append records to partitions, in their order, as part of the transaction.

        After an error the transaction must not be committed.

        Raises:
            ProducerFenced: If another producer started under this transactional id.
            RefusedBatchError: When a topic does not accept a batch, or was deleted.
            KafkaError: When the brokers refuse for another reason.
        """
        waiting = {partition: deque(self._batches(partition, records)) for partition, records in outputs.items()}
        while waiting := {partition: batches for partition, batches in waiting.items() if batches}:
            # One batch per partition at a time, because brokers accept them in order only. One is nearly always enough.
            await self._deliver({partition: batches.popleft() for partition, batches in waiting.items()})

    async def commit_offsets(self, member: GroupMember, offsets: Offsets) -> int:
        """Add offsets of a consumer group to the transaction. After an error it must not be committed.

        Returns:
            Node id of the broker that accepted them as the group's coordinator; all in-sync replicas have them then.

        Raises:
            ProducerFenced: If the group has moved to another generation, or another producer started under this
                transactional id.
            InputTopicGoneError: If the brokers no longer know a topic of which they accepted offsets before.
            KafkaError: When the brokers refuse for another reason.
        """
        request = TxnOffsetCommit(self._id, self._producer, member, offsets)

        def error_codes(answer: TxnOffsetCommitResponse) -> Iterable[int]:
            codes = dict(answer.error_codes())
            if missing := offsets.keys() - codes:
                raise KafkaError(f"the answer to TxnOffsetCommit leaves out {sorted(missing)}")
            gone = {topic for (topic, _), code in codes.items() if code == _UNKNOWN.errno}
            if gone & self._known_inputs:
                raise InputTopicGoneError(
                    f"{min(gone)} is gone: somebody has deleted it. ./scripts/topics apply creates it anew"
                )
            return codes.values()

        await self._ask_coordinator(CoordinationType.GROUP, member.group, request, error_codes)
        self._known_inputs.update(topic for topic, _ in offsets)
        return self._coordinators[CoordinationType.GROUP]

    async def commit(self) -> None:
        """Commit the transaction; the next write begins another one.

        Raises:
            ProducerFenced: If another producer started under this transactional id.
            KafkaError: When the brokers refuse.
        """
        await self._end(committed=True)

    async def abort(self) -> None:
        """Abort the transaction; the next write begins another one.

        Raises:
            ProducerFenced: If another producer started under this transactional id.
            KafkaError: When the brokers refuse.
        """
        await self._end(committed=False)

    async def _end(self, *, committed: bool) -> None:
        request = EndTxn(self._id, self._producer, committed=committed)
        answer = await self._ask_coordinator(CoordinationType.TRANSACTION, self._id, request, _only_error)
        self._producer = answer.producer
        self._sequences.clear()

    def _batches(self, partition: TopicPartition, records: Sequence[Record]) -> Iterator[bytearray]:
        """Encode records as batches of a size that every topic accepts; a larger record gets its own batch."""
        first = self._sequences.get(partition, 0)
        self._sequences[partition] = first + len(records)
        position = 0
        while position < len(records):
            batch = DefaultRecordBatchBuilder(
                _MAGIC, _UNCOMPRESSED, _TRANSACTIONAL, *self._producer, first + position, _MAX_BATCH_BYTES
            )
            number = 0
            for record in records[position:]:
                headers = list(record.headers)
                if batch.append(number, record.timestamp_ms, record.key, record.value, headers) is None:
                    break  # the batch is full; the first record always fits
                number += 1
            position += number
            yield batch.build()

    async def _deliver(self, batches: Mapping[TopicPartition, bytearray]) -> None:
        """Send batches to the leaders of their partitions until all are accepted, also while leaders change."""
        loop = asyncio.get_running_loop()
        last_known = loop.time()
        for pause in _pauses():
            by_leader: dict[int | None, dict[TopicPartition, bytearray]] = {}
            for partition, batch in batches.items():
                by_leader.setdefault(self._client.cluster.leader_for_partition(partition), {})[partition] = batch
            left: dict[TopicPartition, KafkaError] = {}
            await run_concurrently(*(self._produce(leader, part, left) for leader, part in by_leader.items()))
            if not left:
                return
            unknown = [partition for partition, error in left.items() if isinstance(error, _UNKNOWN)]
            if not unknown:
                last_known = loop.time()
            elif loop.time() - last_known > _UNKNOWN_TOPIC_TIMEOUT:
                raise RefusedBatchError(unknown[0], _UNKNOWN.errno, f"for {_UNKNOWN_TOPIC_TIMEOUT:g} s")
            batches = {partition: batches[partition] for partition in left}
            await asyncio.sleep(pause)
            if any(error.invalid_metadata for error in left.values()):
                await self._client.force_metadata_update()

    async def _produce(
        self, leader: int | None, batches: Mapping[TopicPartition, bytearray], left: dict[TopicPartition, KafkaError]
    ) -> None:
        """Send batches to one leader; put those that it did not accept into `left`, with their errors."""
        if leader is None or leader < 0:
            left.update((partition, self._why_no_leader(partition)) for partition in batches)
            return
        asked = self._clocks.read() if self._clocks is not None else 0.0
        try:
            answer = await self._client.send(leader, Produce(self._id, REQUEST_TIMEOUT_MS, batches))
        except KafkaError as error:
            if not error.retriable:
                raise
            left.update(dict.fromkeys(batches, error))
            return
        results = dict(answer.results())  # a batch that is missing in the response is an error, not a success
        for partition in batches:
            result = results[partition]
            if retriable := produce_error(partition, result):
                left[partition] = retriable
            elif self._clocks is not None:
                self._clocks.answered(leader, asked, result.append_ms)

    def _why_no_leader(self, partition: TopicPartition) -> KafkaError:
        topic, number = partition
        cluster = self._client.cluster
        if topic in cluster.unauthorized_topics:
            raise RefusedBatchError(partition, TopicAuthorizationFailedError.errno, "")
        if topic not in self._client._topics:  # noqa: SLF001  there is no public access
            self._client.add_topic(topic)
        elif number not in (cluster.partitions_for_topic(topic) or ()):
            return _UNKNOWN()
        return LeaderNotAvailableError()

    async def _ask_coordinator(
        self, kind: int, key: str, request: Request[Any], error_codes: Callable[[Any], Iterable[int]]
    ) -> Any:  # noqa: ANN401  aiokafka has no types
        """Send a request to a coordinator until it is answered, also while the coordinator changes."""
        for pause in _pauses():
            try:
                if kind not in self._coordinators:
                    self._coordinators[kind] = await self._client.coordinator_lookup(kind, key)
                answer = await self._client.send(self._coordinators[kind], request, group=ConnectionGroup.COORDINATION)
                errors = retriable_errors(error_codes(answer))
            except KafkaError as error:
                if not error.retriable:
                    self._coordinators.pop(kind, None)
                    raise
                errors = [error]
            if not errors:
                return answer
            if not all(isinstance(error, ConcurrentTransactions | CoordinatorLoadInProgressError) for error in errors):
                self._coordinators.pop(kind, None)
            await asyncio.sleep(pause)
        return None


async def run_concurrently(*steps: Coroutine[Any, Any, object]) -> None:
    """Run coroutines concurrently; the first failure cancels the others and is raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for step in steps:
                tasks.create_task(step)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _pauses() -> Iterator[float]:
    """Yield the pauses between retries, in seconds, without end."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def _only_error(answer: Any) -> Iterable[int]:  # noqa: ANN401  aiokafka has no types
    return (answer.error_code,)
