"""Sends inputs and keeps what the brokers acknowledged: where each stands, and what it was."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import RecordMetadata

from tests.chaos.foreign import Client
from tests.chaos.raw_log import read_log
from tests.chaos.records import NUMBER, PARTITIONS, RAW, Place, Planned, Seen, Sent
from tests.chaos.workload import partition_of
from tests.support.odd_batches import TIMESTAMP_MS, append

_MAX_REQUEST = 10 * 2**20
_BROKERS_BACK_S = 60.0
_PAUSE_S = 0.5


class Oracle:
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
        self._by_key: dict[bytes | None, Sent] = {}
        self._log: list[Seen] = []
        self._read_to: dict[TopicPartition, int] = {}
        self._expired: list[tuple[int, range]] = []

    @property
    def awaited(self) -> Mapping[Place, Sent]:
        """What was acknowledged and has not expired: each has to have an outcome."""
        return {place: sent for place, sent in self.acknowledged.items() if not self._has_expired(place)}

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

    async def send_by(self, client: Client, plan: Sequence[Planned]) -> None:
        """Send inputs with another client library, in order; it decides on the partitions."""
        sent = [Sent(planned, int(time.time() * 1000) + planned.skew_ms, time.monotonic()) for planned in plan]
        self._by_number.update((one.planned.number, one) for one in sent)
        places = await asyncio.to_thread(client, self._servers, self._topic, sent)
        self.acknowledged.update((place, one) for place, one in zip(places, sent, strict=True) if place is not None)

    async def append(self, data: bytes, partition: int, plan: Sequence[Planned]) -> None:
        """Let a broker append a batch as it is laid out.

        Args:
            data: The batch.
            partition: Where to.
            plan: The inputs that are in it, each with a key of its own.
        """
        skew_ms = TIMESTAMP_MS - int(time.time() * 1000)
        sent = [Sent(replace(planned, skew_ms=skew_ms), TIMESTAMP_MS, time.monotonic()) for planned in plan]
        self._by_key.update((one.planned.message.key, one) for one in sent)
        client = AIOKafkaClient(bootstrap_servers=self._servers)
        try:
            await client.bootstrap()
            await client.set_topics([self._topic])
            with contextlib.suppress(KafkaError):  # it may be there or not: the log tells
                base = await append(client, self._topic, partition, data)
                self.acknowledged.update((Place(partition, base + n), one) for n, one in enumerate(sent))
        finally:
            await client.close()

    async def send_in_vain(self, plan: Sequence[Planned]) -> None:
        """Send inputs in a transaction that is aborted: nobody may ever answer them."""
        async with _producing(self._servers, transactional_id=f"{self._topic}-in-vain") as producer:
            await producer.begin_transaction()
            for planned in plan:
                await self._hand_over(producer, Sent(planned, int(time.time() * 1000), time.monotonic()))
            await producer.abort_transaction()

    def expire(self, partition: int, offsets: range) -> None:
        """Note that these offsets were deleted before anybody had read them: they may have no outcome."""
        self._expired.append((partition, offsets))

    async def read_on(self) -> None:
        """Read ``audio.raw`` on to its end: what is deleted afterwards is known all the same."""
        wanted = (self._servers, self._topic, self.partitions, self._read_to, self._by_key)
        more = await asyncio.to_thread(read_log, *wanted)
        self._read_to.update((TopicPartition(one.topic, one.partition), one.offset + 1) for one in more)
        self._log += more

    async def take_log(self) -> list[Seen]:
        """Give everything in ``audio.raw`` since this was last asked."""
        await self.read_on()
        taken, self._log = self._log, []
        return taken

    def inputs(self, log: Iterable[Seen]) -> Mapping[Place, Sent]:
        """Everything that was acknowledged, and what stands in ``audio.raw`` all the same; not what has expired.

        Args:
            log: Records of ``audio.raw``.
        """
        found = dict(self.acknowledged)
        for seen in log:
            sent = self._by_key.get(seen.key) or self._by_number.get(int(seen.header(NUMBER) or -1))
            if sent is not None:
                found.setdefault(Place(seen.partition, seen.offset), sent)
        return {place: sent for place, sent in found.items() if not self._has_expired(place)}

    def _has_expired(self, place: Place) -> bool:
        return any(place.partition == partition and place.offset in offsets for partition, offsets in self._expired)

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
