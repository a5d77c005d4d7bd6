"""Recordings for tests: files of any length, an installation whose store is a directory, and the outcomes in it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from schemas import CompressedAudio, DeadLetter, MediaType, Position, Record
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, RECORDINGS
from streams.clients import RawAudioProducer
from streams.kafka.connection import KafkaConnection
from tests.chaos.workers import Worker
from tests.support.brokers import Broker, Namespace
from tests.support.events import RAW as EVENT

RATE = 8000
WAV = MediaType("audio/wav")
#: Bytes above which files are sent by reference here.
INLINE_LIMIT = 16_000


def recording(path: Path, seconds: int, seed: int = 0) -> Path:
    """Write a WAV file of noise that changes every second."""
    second = (np.random.default_rng(seed).standard_normal(RATE) * 2000).astype(np.int16)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for number in range(seconds):
            file.write(np.roll(second, number))
    return path


class Outcome(NamedTuple):
    """One committed outcome, with the position of its input."""

    source: Position
    event: CompressedAudio | DeadLetter


@dataclass
class Installation:
    """Topics, a store, and what was sent.

    Attributes:
        sent: Position of each input, in the order of sending.
    """

    broker: Broker
    namespace: Namespace
    directory: Path
    sent: list[Position] = field(default_factory=list)

    @property
    def store(self) -> Path:
        """The store's directory."""
        return self.directory / "store"

    def worker(self, name: str = "worker", **settings: str) -> Worker:
        """A worker of the installation, not yet started."""
        servers, prefix, group = self.broker.bootstrap_servers, self.namespace.prefix, self.namespace.group
        return Worker(servers, prefix, group, self.directory / name, AUDIO_STORES=f"file://{self.store}", **settings)

    async def send(self, *files: Path, topic: str = RECORDINGS, call: str = "call-r") -> None:
        """Send files as the segments of one call, by reference where they are large."""
        async with self._producer(topic) as producer:
            for number, file in enumerate(files):
                event = replace(EVENT, id=file.stem, call_id=call, media_type=WAV, sequence=number, audio=b"")
                self.sent.append(await producer.send(event, file))

    async def send_live(self, count: int, call: str = "call-l", first: int = 0) -> None:
        """Send small segments of a live call."""
        async with self._producer(RECORDINGS) as producer:
            for number in range(first, first + count):
                event = replace(EVENT, id=f"{call}-{number}", call_id=call, sequence=number)
                self.sent.append(await producer.send(event))

    async def send_reference(self, reference: str, topic: str = RECORDINGS) -> None:
        """Send an input that refers to an object, as it is given."""
        event = replace(EVENT, id=reference, call_id="call-b", media_type=WAV, audio=b"", data_ref=reference)
        name = self._name(topic)
        async with RawAudioProducer(self.broker.bootstrap_servers, name, recordings=name) as producer:
            self.sent.append(await producer.send(event))

    async def outcomes(self, within: float = 120.0) -> list[Outcome]:
        """Wait until every input has an outcome; return all outcomes in the order of their topics."""
        consumer = KafkaConnection(self.broker.bootstrap_servers).consumer(
            self._name(COMPRESSED),
            self._name(DEAD_LETTER),
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        await consumer.start()
        found: list[Outcome] = []
        try:
            async with asyncio.timeout(within):
                while not {*self.sent} <= {one.source for one in found}:
                    batches = await consumer.getmany(timeout_ms=200)
                    found += [_outcome(one) for batch in batches.values() for one in batch]
        finally:
            await consumer.stop()
        return found

    def _producer(self, recordings: str) -> RawAudioProducer:
        return RawAudioProducer(
            self.broker.bootstrap_servers,
            self._name(RAW),
            recordings=self._name(recordings),
            stores=f"file://{self.store}",
            inline_limit=INLINE_LIMIT,
        )

    def _name(self, topic: str) -> str:
        return f"{self.namespace.prefix}{topic}"


def _outcome(found: object) -> Outcome:
    record = Record(found.key, found.value, tuple(found.headers))  # type: ignore[attr-defined]
    if found.topic.endswith(COMPRESSED):  # type: ignore[attr-defined]
        result = CompressedAudio.from_record(record)
        assert isinstance(result, CompressedAudio), result
        return Outcome(result.position, result)
    letter = DeadLetter.from_record(record)
    assert isinstance(letter, DeadLetter), letter
    return Outcome(letter.position, letter)


def sequences(outcomes: Sequence[Outcome], call: str) -> list[int | None]:
    """The numbers of a call's segments, in the order of its results."""
    return [
        one.event.sequence for one in outcomes if isinstance(one.event, CompressedAudio) and one.event.call_id == call
    ]
