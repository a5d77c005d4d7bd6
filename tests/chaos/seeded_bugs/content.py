"""Bugs in what is read and what is cached."""

import hashlib
from dataclasses import replace

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver

from agents.compress import pipeline
from schemas import Channel, DeadLetter, Policy, Record
from streams.engine.consumer_thread import LaneConsumerThread
from streams.kafka import topics
from tests.chaos.seeded_bugs.patch import Patch


def cache_without_the_profile(patch: Patch) -> None:
    """Look up cached files by audio alone, without the encoding profile."""

    def key(pcm_sha256: str, profile: str) -> bytes:
        del profile
        return hashlib.sha256(pcm_sha256.encode()).digest()

    patch(pipeline, "cache_key", key)


def cache_everything(patch: Patch) -> None:
    """Cache all channels, guests included."""

    def admits(channel: Channel | None, policy: Policy, *, seals: bool = False) -> bool:
        del channel, policy, seals
        return True

    patch(pipeline, "admits", admits)


def letters_with_their_inputs_times(patch: Patch) -> None:
    """Give a dead letter the timestamp of its input, which may be of a wrong clock."""
    make = DeadLetter.to_record

    def with_its_inputs_time(self: DeadLetter) -> Record:
        return replace(make(self), timestamp_ms=self.original.timestamp_ms)

    async def accept(*_: object) -> None:
        """Accept topics with writers' timestamps, which workers refuse."""

    patch(DeadLetter, "to_record", with_its_inputs_time)
    patch(topics, "verify_topics", accept)


def read_uncommitted(patch: Patch) -> None:
    """Read inputs of aborted transactions, as Faust does by default."""

    def create(self: LaneConsumerThread, transport: driver.Transport) -> AIOKafkaConsumer:
        return driver.AIOKafkaConsumerThread._create_worker_consumer(self, transport)

    patch(LaneConsumerThread, "_create_worker_consumer", create)
