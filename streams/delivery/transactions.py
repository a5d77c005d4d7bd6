"""The transactional producer of one input partition."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import aiokafka.producer.sender
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, KafkaConnectionError

from streams.delivery.outcome import Output

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


class Transactor(Protocol):
    """What a lane needs of Kafka: to write outputs and the input's offset together or not at all."""

    async def start(self) -> None:
        """Fence every earlier owner of the partition and complete its transaction."""

    async def commit(self, outputs: Sequence[Output], next_offset: int) -> None:
        """Write outputs and the next input offset in one transaction."""

    async def stop(self) -> None:
        """Release the connection; nothing is in flight any more."""


class PartitionProducer:
    """Writes one input partition's outputs and its offset in transactions.

    The transactional id is tied to group, topic and partition: whoever starts this producer bumps the id's epoch, which
    fences a former owner that still believes to be alive, and completes or aborts what that one left open. Start it
    before the committed offset is read, otherwise that offset may be older than the outputs it belongs to.

    Args:
        bootstrap_servers: ``host:port[,host:port...]``.
        group: Consumer group whose offsets are committed.
        topic: Input topic.
        partition: Input partition; outputs go to the same number.
    """

    def __init__(self, bootstrap_servers: str, group: str, topic: str, partition: int) -> None:
        self._group = group
        self._source = TopicPartition(topic, partition)
        self._bootstrap_servers = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Fence and start, waiting for brokers and coordinators that are on their way up.

        Raises:
            KafkaError: When they refuse.
            TimeoutError: When they do not come in time.
        """
        async with asyncio.timeout(_START_TIMEOUT):
            while self._producer is None:
                try:
                    self._producer = await self._started()
                except _PASSING:
                    await asyncio.sleep(_START_ATTEMPT_PAUSE)

    async def commit(self, outputs: Sequence[Output], next_offset: int) -> None:
        """Write outputs and the next input offset in one transaction.

        Any error leaves the transaction's fate open. It is not aborted here: the process ends, and the next owner's
        start completes or aborts it.

        Raises:
            KafkaError: The worker must end; see above.
            TimeoutError: Likewise; aiokafka itself would try for ever.
        """
        if self._producer is None:
            raise RuntimeError("commit before start")
        async with asyncio.timeout(_COMMIT_TIMEOUT):
            await self._commit(self._producer, outputs, next_offset)

    async def stop(self) -> None:
        """Release the connections.

        Raises:
            TimeoutError: When something is still under way and does not end.
        """
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await asyncio.wait_for(producer.stop(), _STOP_TIMEOUT)

    async def _commit(self, producer: AIOKafkaProducer, outputs: Sequence[Output], next_offset: int) -> None:
        await producer.begin_transaction()
        pending = [
            await producer.send(
                output.topic,
                key=output.record.key,
                value=output.record.value,
                partition=self._source.partition,
                timestamp_ms=output.record.timestamp_ms,
                headers=list(output.record.headers),
            )
            for output in outputs
        ]
        await producer.send_offsets_to_transaction({self._source: next_offset}, self._group)
        await asyncio.gather(*pending)
        await producer.commit_transaction()

    async def _started(self) -> AIOKafkaProducer:
        producer = self._new_producer()
        try:
            await producer.start()
        except BaseException:
            await asyncio.wait_for(producer.stop(), _STOP_TIMEOUT)
            raise
        return producer

    def _new_producer(self) -> AIOKafkaProducer:
        source = self._source
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            transactional_id=f"{self._group}-{source.topic}-{source.partition}",
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            max_batch_size=_MAX_BATCH_BYTES,
            max_request_size=_MAX_REQUEST_BYTES,
        )
