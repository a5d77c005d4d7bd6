"""Sends inputs, and records which of them the brokers acknowledged, at which positions."""

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
from tests.chaos.records import NUMBER, PARTITIONS, RAW, ObservedRecord, Place, PlannedInput, SentInput
from tests.chaos.workload import partition_of
from tests.support.odd_batches import TIMESTAMP_MS, append

_MAX_REQUEST = 10 * 2**20
_BROKERS_BACK_S = 60.0
_LEADER_WITHIN_S = 15.0
_PAUSE_S = 0.5
_LOOK_S = 0.1


class Oracle:
    """The record of all inputs.

    Args:
        bootstrap_servers: The cluster.
        prefix: Put before every topic's name.
        partitions: Number of partitions of ``audio.raw``.

    Attributes:
        partitions: As given; inputs are distributed over this number.
    """

    def __init__(self, bootstrap_servers: str, prefix: str, partitions: int = PARTITIONS) -> None:
        self._servers = bootstrap_servers
        self._topic = f"{prefix}{RAW}"
        self.acknowledged: dict[Place, SentInput] = {}
        self._by_number: dict[int, SentInput] = {}
        self.partitions = partitions
        self._by_key: dict[bytes | None, SentInput] = {}
        self._log: list[ObservedRecord] = []
        self._read_to: dict[TopicPartition, int] = {}
        self._expired: list[tuple[int, range]] = []

    @property
    def awaited(self) -> Mapping[Place, SentInput]:
        """Positions of acknowledged inputs that have not expired: each must have an outcome."""
        return {place: sent for place, sent in self.acknowledged.items() if not self._has_expired(place)}

    async def send(
        self,
        plan: Sequence[PlannedInput],
        due: Sequence[float] | None = None,
        *,
        servers: str | None = None,
        idempotent: bool = True,
    ) -> None:
        """Send inputs, each call in order; a partition that takes nothing does not delay the others.

        Args:
            plan: The inputs.
            due: For each input, seconds from now; None sends as fast as the brokers accept.
            servers: Broker addresses of this sender; None uses the oracle's own.
            idempotent: Whether the producer is idempotent.
        """
        start = time.monotonic()
        by_call: dict[str, list[tuple[float, PlannedInput]]] = defaultdict(list)
        for planned, seconds in zip(plan, due or [0.0] * len(plan), strict=True):
            by_call[planned.call_id].append((start + seconds, planned))
        async with (
            _producing(servers or self._servers, acks="all", enable_idempotence=idempotent) as producer,
            asyncio.TaskGroup() as tasks,
        ):
            for inputs in by_call.values():
                tasks.create_task(self._send_call(producer, inputs))

    async def send_by(self, client: Client, plan: Sequence[PlannedInput]) -> None:
        """Send inputs in order with another client library, which chooses the partitions."""
        sent = [SentInput(planned, int(time.time() * 1000) + planned.skew_ms, time.monotonic()) for planned in plan]
        self._by_number.update((one.planned.number, one) for one in sent)
        places = await asyncio.to_thread(client, self._servers, self._topic, sent)
        self.acknowledged.update((place, one) for place, one in zip(places, sent, strict=True) if place is not None)

    async def append(self, data: bytes, partition: int, plan: Sequence[PlannedInput]) -> None:
        """Let a broker append a batch as it is.

        Args:
            data: The batch.
            partition: Its partition.
            plan: The inputs in it, with different keys.
        """
        skew_ms = TIMESTAMP_MS - int(time.time() * 1000)
        sent = [SentInput(replace(planned, skew_ms=skew_ms), TIMESTAMP_MS, time.monotonic()) for planned in plan]
        self._by_key.update((one.planned.message.key, one) for one in sent)
        client = AIOKafkaClient(bootstrap_servers=self._servers)
        try:
            await client.bootstrap()
            await client.set_topics([self._topic])
            with contextlib.suppress(KafkaError, TimeoutError):  # the log tells whether it was written
                await _leader_known(client, TopicPartition(self._topic, partition))
                base = await append(client, self._topic, partition, data)
                self.acknowledged.update((Place(partition, base + n), one) for n, one in enumerate(sent))
        finally:
            await client.close()

    async def send_aborted(self, plan: Sequence[PlannedInput]) -> None:
        """Send inputs in a transaction that is aborted: they must have no outcome."""
        async with _producing(self._servers, transactional_id=f"{self._topic}-in-vain") as producer:
            await producer.begin_transaction()
            for planned in plan:
                await self._hand_over(producer, SentInput(planned, int(time.time() * 1000), time.monotonic()))
            await producer.abort_transaction()

    def expire(self, partition: int, offsets: range) -> None:
        """Note that these offsets were deleted before a worker had read them: they may have no outcome."""
        self._expired.append((partition, offsets))

    async def read_on(self) -> None:
        """Read ``audio.raw`` to its end, before records are deleted."""
        wanted = (self._servers, self._topic, self.partitions, self._read_to, self._by_key)
        more = await asyncio.to_thread(read_log, *wanted)
        self._read_to.update((TopicPartition(one.topic, one.partition), one.offset + 1) for one in more)
        self._log += more

    async def take_log(self) -> list[ObservedRecord]:
        """Return the records of ``audio.raw`` since the last call."""
        await self.read_on()
        taken, self._log = self._log, []
        return taken

    def inputs(self, log: Iterable[ObservedRecord]) -> Mapping[Place, SentInput]:
        """All acknowledged inputs, and unacknowledged ones found in ``audio.raw``, without expired ones.

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

    async def _send_call(self, producer: AIOKafkaProducer, inputs: Sequence[tuple[float, PlannedInput]]) -> None:
        under_way = []
        for due, planned in inputs:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sent = SentInput(planned, int(time.time() * 1000) + planned.skew_ms, time.monotonic())
            self._by_number[planned.number] = sent
            with contextlib.suppress(KafkaError):  # the log tells whether it was written
                under_way.append((sent, await self._hand_over(producer, sent)))
        for sent, acknowledgement in under_way:
            with contextlib.suppress(KafkaError):
                metadata = await acknowledgement
                self.acknowledged[Place(metadata.partition, metadata.offset)] = sent

    async def _hand_over(self, producer: AIOKafkaProducer, sent: SentInput) -> "asyncio.Future[RecordMetadata]":
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
    """A producer, started as soon as a broker answers: all may be down."""
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


async def _leader_known(client: AIOKafkaClient, place: TopicPartition) -> None:
    """Wait until a broker names the leader of a partition: a new topic spreads over the cluster slowly."""
    async with asyncio.timeout(_LEADER_WITHIN_S):
        while client.cluster.leader_for_partition(place) in {None, -1}:
            await client.force_metadata_update()
            await asyncio.sleep(_LOOK_S)
