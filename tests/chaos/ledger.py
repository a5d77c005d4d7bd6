"""Sends inputs and keeps what the brokers acknowledged: where each stands, and what it was."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import RecordMetadata

from tests.chaos.records import NUMBER, PARTITIONS, RAW, Place, Planned, Seen, Sent
from tests.chaos.workload import partition_of

_MAX_REQUEST = 10 * 2**20
_BROKERS_BACK_S = 60.0
_PAUSE_S = 0.5


class Ledger:
    """The account of what went in.

    Args:
        bootstrap_servers: The cluster.
        prefix: Put before every topic's name.
        partitions: Of ``audio.raw``.

    Attributes:
        partitions: As given; the partition of what is sent is one of so many.
    """

    def __init__(self, bootstrap_servers: str, prefix: str, partitions: int = PARTITIONS) -> None:
        self._servers = bootstrap_servers
        self._topic = f"{prefix}{RAW}"
        self.acknowledged: dict[Place, Sent] = {}
        self._by_number: dict[int, Sent] = {}
        self.partitions = partitions

    async def send(
        self,
        plan: Sequence[Planned],
        due: Sequence[float] | None = None,
        *,
        servers: str | None = None,
        idempotent: bool = True,
    ) -> None:
        """Send inputs, each call in its order; one partition that takes nothing does not hold up the others.

        Args:
            plan: What to send.
            due: For each of them, seconds from now; None sends as fast as the brokers take them.
            servers: The cluster as this sender reaches it; None takes the ledger's own way.
            idempotent: Whether the brokers recognise what is sent once more after an error.
        """
        start = time.monotonic()
        by_call: dict[str, list[tuple[float, Planned]]] = defaultdict(list)
        for planned, seconds in zip(plan, due or [0.0] * len(plan), strict=True):
            by_call[planned.call_id].append((start + seconds, planned))
        async with (
            _producing(servers or self._servers, acks="all", enable_idempotence=idempotent) as producer,
            asyncio.TaskGroup() as tasks,
        ):
            for inputs in by_call.values():
                tasks.create_task(self._send_call(producer, inputs))

    async def send_in_vain(self, plan: Sequence[Planned]) -> None:
        """Send inputs in a transaction that is aborted: nobody may ever answer them."""
        async with _producing(self._servers, transactional_id=f"{self._topic}-in-vain") as producer:
            await producer.begin_transaction()
            for planned in plan:
                await self._hand_over(producer, Sent(planned, int(time.time() * 1000), time.monotonic()))
            await producer.abort_transaction()

    def inputs(self, log: Iterable[Seen]) -> Mapping[Place, Sent]:
        """Everything that was acknowledged, and what stands in ``audio.raw`` all the same.

        Args:
            log: Records of ``audio.raw``.
        """
        found = dict(self.acknowledged)
        for seen in log:
            sent = self._by_number.get(int(seen.header(NUMBER) or -1))
            if sent is not None:
                found.setdefault(Place(seen.partition, seen.offset), sent)
        return found

    async def _send_call(self, producer: AIOKafkaProducer, inputs: Sequence[tuple[float, Planned]]) -> None:
        under_way = []
        for due, planned in inputs:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sent = Sent(planned, int(time.time() * 1000) + planned.skew_ms, time.monotonic())
            self._by_number[planned.number] = sent
            with contextlib.suppress(KafkaError):  # it may be there or not: the log tells
                under_way.append((sent, await self._hand_over(producer, sent)))
        for sent, acknowledgement in under_way:
            with contextlib.suppress(KafkaError):
                metadata = await acknowledgement
                self.acknowledged[Place(metadata.partition, metadata.offset)] = sent

    async def _hand_over(self, producer: AIOKafkaProducer, sent: Sent) -> "asyncio.Future[RecordMetadata]":
        message = sent.planned.message
        future: asyncio.Future[RecordMetadata] = await producer.send(
            self._topic,
            message.value,
            key=message.key,
            partition=partition_of(sent.planned.call_id.encode(), self.partitions),
            timestamp_ms=sent.timestamp,
            headers=list(message.headers),
        )
        return future


@contextlib.asynccontextmanager
async def _producing(servers: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer, started as soon as a broker answers: a fault may have all of them down."""
    async with asyncio.timeout(_BROKERS_BACK_S):
        while True:
            producer = AIOKafkaProducer(bootstrap_servers=servers, max_request_size=_MAX_REQUEST, **options)
            try:
                await producer.start()
            except KafkaConnectionError:
                await producer.stop()
                await asyncio.sleep(_PAUSE_S)
            else:
                break
    try:
        yield producer
    finally:
        await producer.stop()
