"""Bugs in what is read and what is kept."""

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
    """Find a cached file by its audio alone, however it was to be encoded."""

    def key(pcm_sha256: str, profile: str) -> bytes:
        del profile
        return hashlib.sha256(pcm_sha256.encode()).digest()

    patch(pipeline, "cache_key", key)


def cache_everything(patch: Patch) -> None:
    """Keep what guests say as well."""

    def admits(channel: Channel | None, policy: Policy) -> bool:
        del channel, policy
        return True

    patch(pipeline, "admits", admits)


def letters_with_their_inputs_times(patch: Patch) -> None:
    """Give a dead letter the time of its input, whatever clock that is of."""
    make = DeadLetter.to_record

    def with_its_inputs_time(self: DeadLetter) -> Record:
        return replace(make(self), timestamp_ms=self.original.timestamp_ms)

    async def accept(*_: object) -> None:
        """Serve topics whose records have the times that their writers give them, which workers refuse."""

    patch(DeadLetter, "to_record", with_its_inputs_time)
    patch(topics, "verify_topics", accept)


def read_uncommitted(patch: Patch) -> None:
    """Read inputs whose transaction was aborted, as Faust does by itself."""

    def create(self: LaneConsumerThread, transport: driver.Transport) -> AIOKafkaConsumer:
        return driver.AIOKafkaConsumerThread._create_worker_consumer(self, transport)

    patch(LaneConsumerThread, "_create_worker_consumer", create)
