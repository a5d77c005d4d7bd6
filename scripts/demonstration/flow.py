"""Sends the calls at a steady rate, and collects their outcomes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from schemas import CompressedAudio, DeadLetter, Position, RawAudio, Record, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, RECORDINGS
from scripts.cli import Cluster, CommandError
from scripts.demonstration.calls import Input
from scripts.demonstration.environment import DemoEnvironment
from scripts.demonstration.large_recordings import LargeRecording, SentRecording, send_recordings
from streams.clients import CompressedAudioConsumer, RawAudioProducer
from streams.stores import StoresConfiguration

#: Records per second, as of 60 simultaneous speakers: few enough for an idle machine of two cores, so that the
#: latency is processing time and not queueing.
RATE = 30.0

_POLL_S = 0.1
_SILENCE_S = 2.0  # after the last outcome, to find duplicates
_PATIENCE_S = 45.0  # without any outcome: missing ones are lost then
_PATIENCE_BYTES_PER_S = 300_000  # of a recording, more: twenty times faster than it was spoken

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


class Traffic(NamedTuple):
    """What went through Kafka.

    Attributes:
        sent: The inputs of the live calls.
        recordings: The recordings that were sent by reference.
        arrived: All outcomes, in order of arrival.
    """

    sent: list[SentInput]
    recordings: list[SentRecording]
    arrived: list[ReceivedOutcome]


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
    environment: DemoEnvironment,
    inputs: Sequence[Input],
    recordings: Sequence[LargeRecording],
    advance: Callable[[], None],
    check: Callable[[], None],
) -> Traffic:
    """Send every input at its scheduled time and the recordings beside them, until everything has an outcome.

    Args:
        environment: Its topics, which only this run uses, and its stores.
        inputs: The live calls' inputs, in the order of sending.
        recordings: The recordings, sent by reference.
        advance: Called once for every input with an outcome.
        check: Called often, in a thread; raises if waiting is useless.
    """
    sender = _Sender(environment.cluster_of("telephony"), inputs, recordings, environment.store_configuration)
    try:
        return asyncio.run(_stream(environment, sender, _Listener(advance), check))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # the first error has cancelled the other tasks


async def _stream(
    environment: DemoEnvironment, sender: "_Sender", listener: _Listener, check: Callable[[], None]
) -> Traffic:
    cluster = environment.cluster_of("consumer")
    async with (
        CompressedAudioConsumer(cluster.connection, cluster.topic(COMPRESSED), from_beginning=True) as results,
        asyncio.TaskGroup() as group,
    ):
        listeners = [
            group.create_task(_results(results, listener)),
            group.create_task(_dead_letters(environment.cluster_of("operator"), listener)),
        ]
        sending = group.create_task(sender.send())
        await group.create_task(_wait(listener, sending, sender.patience, check))
        for task in listeners:
            task.cancel()
    return Traffic(*sending.result(), listener.arrived)


_Sent = tuple[list[SentInput], list[SentRecording]]


@dataclass(frozen=True, slots=True)
class _Sender:
    """Sends everything; the attributes are those of `stream`."""

    cluster: Cluster
    inputs: Sequence[Input]
    recordings: Sequence[LargeRecording]
    stores: StoresConfiguration

    @property
    def patience(self) -> float:
        """Seconds without any outcome after which missing ones are lost."""
        return _PATIENCE_S + sum(large.size for large in self.recordings) / _PATIENCE_BYTES_PER_S

    async def send(self) -> _Sent:
        topic, recordings = self.cluster.topic(RAW), self.cluster.topic(RECORDINGS)
        # This project's producer refuses invalid records; other clients do not.
        careless = self.cluster.connection.producer(acks="all", enable_idempotence=True)
        live = RawAudioProducer(self.cluster.connection, topic)
        large = RawAudioProducer(self.cluster.connection, recordings=recordings, stores=self.stores)
        async with live, large, careless:
            storing = asyncio.create_task(send_recordings(large, self.recordings))
            sent = await self._send_live(live, careless, topic)
            return sent, await storing

    async def _send_live(self, producer: RawAudioProducer, careless: AIOKafkaProducer, topic: str) -> list[SentInput]:
        began = time.monotonic()
        due = [began + number / RATE for number in range(len(self.inputs))]
        pending: list[asyncio.Task[Position]] = []
        for item, when in zip(self.inputs, due, strict=True):
            await asyncio.sleep(when - time.monotonic())
            if isinstance(item.event, RawAudio):
                pending.append(await producer.send_soon(item.event))
            else:
                pending.append(asyncio.create_task(_send_unchecked(careless, topic, item.event)))
        positions = await asyncio.gather(*pending)
        return [SentInput(*one) for one in zip(self.inputs, positions, due, strict=True)]


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


async def _wait(
    listener: _Listener, sending: "asyncio.Task[_Sent]", patience: float, check: Callable[[], None]
) -> None:
    """Wait until every input has an outcome and no more arrive, or until none has arrived for too long."""
    sent: set[Position] = set()
    while True:
        await asyncio.sleep(_POLL_S)
        await asyncio.to_thread(check)
        if sending.done() and not sent:
            inputs, recordings = sending.result()
            sent = {*(one.position for one in inputs), *(one.position for one in recordings)}
            listener.last = max(listener.last, time.monotonic())
        quiet = time.monotonic() - listener.last
        complete = listener.positions >= sent
        if sent and quiet > (_SILENCE_S if complete else patience):
            return
