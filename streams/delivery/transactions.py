"""The transactions of one worker in one generation of its group, and whose they are."""

import asyncio
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

import aiokafka.producer.sender
from aiokafka import TopicPartition
from aiokafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata

from streams.delivery.outcome import Output, Source
from streams.offset_fetch import fetch_last_committed
from streams.txn_offset_commit import GroupFencedProducer, GroupMember

# aiokafka waits this long whenever a transaction follows the one before closely; at its 20 ms the wait is most of a
# small transaction's time. Measured on three brokers: 66 ms per transaction back to back as shipped, 17 ms with 2 ms.
aiokafka.producer.sender.BACKOFF_OVERRIDE = 0.002

#: A dead worker's open transaction holds back read_committed consumers until its successor fences it, or this long.
_TRANSACTION_TIMEOUT_MS = 30_000
#: A frozen broker keeps its connections: a request waits for it this long before it goes to the one that took over.
REQUEST_TIMEOUT_MS = 6_000
#: Brokers refuse the first write of a transaction (as NOT_ENOUGH_REPLICAS) until the one before has its markers; that
#: takes milliseconds, so the usual 100 ms would be most of the latency.
_RETRY_BACKOFF_MS = 20
_START_TIMEOUT = 30.0
_START_ATTEMPT_PAUSE = 0.5
#: Longer than brokers wait before they abort a transaction: its fate is decided when this is over.
_COMMIT_TIMEOUT = 60.0
_STOP_TIMEOUT = 5.0
#: Brokers and coordinators on their way up.
_PASSING = (KafkaConnectionError, CoordinatorNotAvailableError, CoordinatorLoadInProgressError)
_MAX_BATCH_BYTES = 900 * 1024
#: As large as the largest dead letter: the dead-letter topic's max.message.bytes.
_MAX_REQUEST_BYTES = 10 * 2**20


class Batch(NamedTuple):
    """What one input partition adds to a transaction.

    Attributes:
        source: The partition; outputs go to the same number.
        outputs: In the order of their inputs.
        next_offset: Of the first input that is not in it.
    """

    source: Source
    outputs: Sequence[Output]
    next_offset: int


class Transactor(Protocol):
    """What a worker needs of Kafka: to write outputs and their inputs' offsets together or not at all."""

    async def start(self) -> None:
        """Fence every earlier owner of the partitions and complete its transaction."""

    async def commit(self, batches: Sequence[Batch]) -> None:
        """Write outputs and the next input offsets in one transaction."""

    async def stop(self) -> None:
        """Release the connections; nothing is in flight any more."""


class GroupProducer:
    """Writes outputs and input offsets of a worker's partitions in transactions, for one generation of its group.

    Two things keep a former owner that still believes to be alive from writing. The group's coordinator takes offsets
    from members of the present generation only, so that no transaction of another one can commit. And each commit
    leaves its writer's name beside the offsets: whoever owns a partition next starts under the name it finds there as
    well, which completes or aborts what is open, at once and not when it times out. A name is of one generation; that
    one is over, so this never hits a worker of the present one.

    Start it before the committed offsets are read: they are not settled while a former owner's transaction is open.

    Args:
        bootstrap_servers: ``host:port[,host:port...]``.
        member: The worker, as its group knows it.
        sources: Its partitions.
    """

    def __init__(self, bootstrap_servers: str, member: GroupMember, sources: Collection[Source]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._member = member
        self._sources = [TopicPartition(*source) for source in sources]
        self._producer: GroupFencedProducer | None = None

    async def start(self) -> None:
        """Fence and start, waiting for brokers and coordinators that are on their way up.

        Raises:
            KafkaError: When they refuse.
            TimeoutError: When they do not come in time.
        """
        if not self._sources:
            return
        async with asyncio.timeout(_START_TIMEOUT):
            self._producer = await self._connected(_name(self._member))
            await self._fence_former_owners(self._producer)

    async def commit(self, batches: Sequence[Batch]) -> None:
        """Write outputs and the next input offsets in one transaction.

        Any error leaves the transaction's fate open. It is not aborted here: the process ends, and the next owner's
        start completes or aborts it.

        Raises:
            KafkaError: The worker must end; see above.
            TimeoutError: Likewise; aiokafka itself would try for ever.
        """
        if self._producer is None:
            raise RuntimeError("commit before start")
        async with asyncio.timeout(_COMMIT_TIMEOUT):
            await self._commit(self._producer, batches)

    async def stop(self) -> None:
        """Release the connections.

        Raises:
            TimeoutError: When something is still under way and does not end.
        """
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await asyncio.wait_for(producer.stop(), _STOP_TIMEOUT)

    async def _commit(self, producer: GroupFencedProducer, batches: Sequence[Batch]) -> None:
        await producer.begin_transaction()
        pending = [
            await producer.send(
                output.topic,
                key=output.record.key,
                value=output.record.value,
                partition=batch.source.partition,
                timestamp_ms=output.record.timestamp_ms,
                headers=list(output.record.headers),
            )
            for batch in batches
            for output in batch.outputs
        ]
        await producer.send_offsets_to_transaction(self._offsets(batches), self._member.group)
        await asyncio.gather(*pending)
        await producer.commit_transaction()

    def _offsets(self, batches: Sequence[Batch]) -> dict[TopicPartition, OffsetAndMetadata]:
        name = _name(self._member)
        return {TopicPartition(*batch.source): OffsetAndMetadata(batch.next_offset, name) for batch in batches}

    async def _fence_former_owners(self, producer: GroupFencedProducer) -> None:
        last = await fetch_last_committed(producer.client, self._member.group, self._sources)
        names = {committed.metadata for committed in last.values()}
        async with asyncio.TaskGroup() as tasks:
            for name in sorted(names):
                if _is_former(name, self._member):
                    tasks.create_task(self._fence(name))

    async def _fence(self, name: str) -> None:
        producer = await self._connected(name)
        await asyncio.wait_for(producer.stop(), _STOP_TIMEOUT)

    async def _connected(self, name: str) -> GroupFencedProducer:
        while True:
            producer = self._new_producer(name)
            try:
                await producer.start()
            except BaseException as error:
                await asyncio.wait_for(producer.stop(), _STOP_TIMEOUT)
                if not isinstance(error, _PASSING):
                    raise
            else:
                return producer
            await asyncio.sleep(_START_ATTEMPT_PAUSE)

    def _new_producer(self, name: str) -> GroupFencedProducer:
        return GroupFencedProducer(
            member=self._member,
            bootstrap_servers=self._bootstrap_servers,
            transactional_id=f"{self._member.group}-{name}",
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            max_batch_size=_MAX_BATCH_BYTES,
            max_request_size=_MAX_REQUEST_BYTES,
        )


def _name(member: GroupMember) -> str:
    """What a writer is called, in its transactional id and beside the offsets that it commits."""
    return f"{member.generation}-{member.instance}"


def _is_former(name: str, member: GroupMember) -> bool:
    """Whether that is a writer of an earlier generation, and not a note of others beside offsets set by hand."""
    generation, _, instance = name.partition("-")
    return generation.isdecimal() and bool(instance) and int(generation) < member.generation
