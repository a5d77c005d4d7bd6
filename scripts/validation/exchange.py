"""Sends the calls of a validation through a running system, and collects their outcomes."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from schemas import CompressedAudio, DeadLetter, Position, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from scripts.cli import Cluster
from scripts.validation import inputs
from scripts.validation.inputs import CallIds, ValidationInput
from scripts.validation.outcomes import Arrived, Sent
from streams.clients.error_translation import translated_errors
from streams.clients.messages import record_of
from streams.kafka.stopping import stop_within, stopped_on_failure

_QUIET_S = 1.0  # after the last outcome, in which a second one of an input would come
_PROMPT_USES = 4  # the first is remembered, the second admitted, the third is a hit
_POLL_MS = 100
_PAUSE_S = 0.02  # between two looks at what has come
_STOP_S = 5.0
_LARGEST_BYTES = 10 * 2**20  # largest record


@dataclass(slots=True)
class Exchange:
    """What was sent and what has come, in order.

    Attributes:
        sent: All inputs.
        arrived: All outcomes with the keys of our calls.
    """

    sent: list[Sent] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)

    def answer(self, position: Position) -> Arrived | None:
        """The first outcome of an input; None if none has come."""
        return next((one for one in self.arrived if one.position == position), None)


async def exchange(cluster: Cluster, partitions: int, patience: float) -> Exchange:
    """Send all calls of a validation, and wait for their outcomes.

    Args:
        cluster: Its topics.
        partitions: Number of partitions of the input topic.
        patience: Seconds without any outcome after which missing ones are given up.

    Raises:
        HotelAudioError: If the brokers do not answer, or refuse.
    """
    ids = CallIds(secrets.token_hex(4), partitions)
    calls = inputs.all_calls(ids, partitions)
    seen = Exchange()
    with translated_errors(cluster.connection), _first_error():
        async with _reader(cluster) as consumer, _sender(cluster) as producer, asyncio.TaskGroup() as group:
            reading = group.create_task(_read(consumer, cluster, ids, seen))
            flow = _Flow(producer, cluster.topic(RAW), seen, patience)
            prompts = group.create_task(flow.send_until_hit(inputs.prompts(ids, _PROMPT_USES)))
            await flow.send([one for call in calls for one in call])
            await prompts
            await asyncio.sleep(_QUIET_S)
            reading.cancel()
    return seen


@contextmanager
def _first_error() -> Iterator[None]:
    """Raise the first error of a group of tasks instead of the group."""
    try:
        yield
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


class _Flow:
    """Sends inputs and waits for their outcomes."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, seen: Exchange, patience: float) -> None:
        self._producer = producer
        self._topic = topic
        self._seen = seen
        self._patience = patience

    async def send(self, chosen: Sequence[ValidationInput]) -> list[Sent]:
        """Send inputs in this order, and wait until each has an outcome or none has come for too long."""
        sent = await asyncio.gather(*[await self._queue(one) for one in chosen])
        self._seen.sent += sent
        last, missing = time.monotonic(), len(sent)
        while missing and time.monotonic() - last < self._patience:
            await asyncio.sleep(_PAUSE_S)
            now = sum(self._seen.answer(one.position) is None for one in sent)
            last, missing = (last if now == missing else time.monotonic()), now
        return sent

    async def send_until_hit(self, prompts: Sequence[ValidationInput]) -> None:
        """Send prompts one after the other until the cache has had one."""
        for prompt in prompts:
            [sent] = await self.send([prompt])
            answer = self._seen.answer(sent.position)
            if answer is None or not isinstance(answer.outcome, CompressedAudio) or answer.outcome.cache == "hit":
                return

    async def _queue(self, one: ValidationInput) -> "asyncio.Task[Sent]":
        at, record = time.monotonic(), one.record
        acknowledged = await self._producer.send(
            self._topic, record.value, key=record.key, headers=list(record.headers)
        )
        return asyncio.ensure_future(_acknowledged(one, acknowledged, at))


async def _acknowledged(one: ValidationInput, future: "asyncio.Future[ConsumerRecord]", at: float) -> Sent:
    taken = await future
    return Sent(one, Position(taken.topic, taken.partition, taken.offset), at)


@asynccontextmanager
async def _sender(cluster: Cluster) -> AsyncIterator[AIOKafkaProducer]:
    # Ours for senders knows events in binary mode alone.
    producer = cluster.connection.producer(acks="all", enable_idempotence=True)
    async with stopped_on_failure(producer):
        await producer.start()
    try:
        yield producer
    finally:
        await stop_within(producer, _STOP_S)


@asynccontextmanager
async def _reader(cluster: Cluster) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of both output topics, which reads what is written from now on."""
    consumer = cluster.connection.consumer(
        cluster.topic(COMPRESSED),
        cluster.topic(DEAD_LETTER),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="latest",
        max_partition_fetch_bytes=_LARGEST_BYTES,
    )
    async with stopped_on_failure(consumer):
        await consumer.start()
    try:
        # Otherwise the first fetch would decide where reading begins, some time after the first input was sent.
        await asyncio.gather(*(consumer.position(place) for place in consumer.assignment()))
        yield consumer
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, cluster: Cluster, ids: CallIds, seen: Exchange) -> None:
    dead_letters = cluster.topic(DEAD_LETTER)
    while True:
        for messages in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            for message in messages:
                if (call_id := ids.ours(message.key)) is not None:
                    outcome = _outcome(message, is_letter=message.topic == dead_letters)
                    seen.arrived.append(Arrived(call_id, outcome, message.partition, message.offset, time.monotonic()))


def _outcome(message: ConsumerRecord, *, is_letter: bool) -> CompressedAudio | DeadLetter | Rejection:
    return (DeadLetter if is_letter else CompressedAudio).from_record(record_of(message))
