"""Sends the calls at a steady rate, and collects their outcomes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

from schemas import CompressedAudio, DeadLetter, Position, RawAudio, Record, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW
from scripts.cli import Cluster, CommandError
from scripts.demonstration.calls import Input
from streams.clients import CompressedAudioConsumer, RawAudioProducer

#: Records per second, as of 60 simultaneous speakers: few enough for an idle machine of two cores, so that the
#: latency is processing time and not queueing.
RATE = 30.0

_POLL_S = 0.1
_SILENCE_S = 2.0  # after the last outcome, to find duplicates
_PATIENCE_S = 45.0  # without any outcome: missing ones are lost then

Outcome = CompressedAudio | DeadLetter


@dataclass(frozen=True, slots=True)
class SentInput:
    """An input that the brokers have acknowledged.

    Attributes:
        input: The input.
        position: Its position.
        due: Its scheduled time on the monotonic clock, at which its latency begins.
    """

    input: Input
    position: Position
    due: float


@dataclass(frozen=True, slots=True)
class ReceivedOutcome:
    """An outcome, and its arrival time on the monotonic clock."""

    outcome: Outcome
    at: float


@dataclass(slots=True)
class _Listener:
    """Collects outcomes."""

    advance: Callable[[], None]
    arrived: list[ReceivedOutcome] = field(default_factory=list)
    positions: set[Position] = field(default_factory=set)
    last: float = field(default_factory=time.monotonic)

    def take(self, outcome: Outcome | Rejection) -> None:
        if isinstance(outcome, Rejection):
            raise CommandError(f"something on the output topics breaks the contract: {outcome.message}")
        self.last = time.monotonic()
        self.arrived.append(ReceivedOutcome(outcome, self.last))
        if outcome.position not in self.positions:
            self.positions.add(outcome.position)
            self.advance()


def stream(
    cluster: Cluster, inputs: Sequence[Input], advance: Callable[[], None], check: Callable[[], None]
) -> tuple[list[SentInput], list[ReceivedOutcome]]:
    """Send every input at its scheduled time, and collect outcomes until every input has one.

    Args:
        cluster: Its topics, which only this run uses.
        inputs: In the order of sending.
        advance: Called once for every input with an outcome.
        check: Called often, in a thread; raises if waiting is useless.

    Returns:
        The sent inputs, and all outcomes in order of arrival.
    """
    try:
        return asyncio.run(_stream(cluster, inputs, _Listener(advance), check))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # the first error has cancelled the other tasks


async def _stream(
    cluster: Cluster, inputs: Sequence[Input], listener: _Listener, check: Callable[[], None]
) -> tuple[list[SentInput], list[ReceivedOutcome]]:
    async with (
        CompressedAudioConsumer(cluster.connection, cluster.topic(COMPRESSED), from_beginning=True) as results,
        asyncio.TaskGroup() as group,
    ):
        listeners = [
            group.create_task(_results(results, listener)),
            group.create_task(_dead_letters(cluster, listener)),
        ]
        sender = group.create_task(_send(cluster, inputs))
        await group.create_task(_wait(listener, sender, check))
        for task in listeners:
            task.cancel()
    return sender.result(), listener.arrived


async def _send(cluster: Cluster, inputs: Sequence[Input]) -> list[SentInput]:
    topic = cluster.topic(RAW)
    # This project's producer refuses invalid records; other clients do not.
    careless = cluster.connection.producer(acks="all", enable_idempotence=True)
    async with RawAudioProducer(cluster.connection, topic) as producer, careless:
        began = time.monotonic()
        due = [began + number / RATE for number in range(len(inputs))]
        pending: list[asyncio.Task[Position]] = []
        for item, when in zip(inputs, due, strict=True):
            await asyncio.sleep(when - time.monotonic())
            if isinstance(item.event, RawAudio):
                pending.append(await producer.send_soon(item.event))
            else:
                pending.append(asyncio.create_task(_send_unchecked(careless, topic, item.event)))
        positions = await asyncio.gather(*pending)
    return [SentInput(item, position, when) for item, position, when in zip(inputs, positions, due, strict=True)]


async def _send_unchecked(producer: AIOKafkaProducer, topic: str, record: Record) -> Position:
    taken = await producer.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))
    return Position(taken.topic, taken.partition, taken.offset)


async def _results(consumer: CompressedAudioConsumer, listener: _Listener) -> None:
    async for result in consumer:
        listener.take(result)


async def _dead_letters(cluster: Cluster, listener: _Listener) -> None:
    async with cluster.connection.consumer(
        cluster.topic(DEAD_LETTER),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    ) as consumer:
        async for message in consumer:
            record = Record(message.key, message.value, tuple(message.headers), message.timestamp)
            listener.take(DeadLetter.from_record(record))


async def _wait(listener: _Listener, sender: "asyncio.Task[list[SentInput]]", check: Callable[[], None]) -> None:
    """Wait until every input has an outcome and no more arrive, or until none has arrived for too long."""
    sent: list[SentInput] = []
    while True:
        await asyncio.sleep(_POLL_S)
        await asyncio.to_thread(check)
        if sender.done() and not sent:
            sent = sender.result()
            listener.last = max(listener.last, time.monotonic())
        quiet = time.monotonic() - listener.last
        complete = listener.positions >= {one.position for one in sent}
        if sent and quiet > (_SILENCE_S if complete else _PATIENCE_S):
            return
