"""Sends raw audio into the product."""

import asyncio
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from schemas import Position, RawAudio, Rejection
from schemas.topics import RAW

_MAX_REQUEST_BYTES = 10 * 2**20  # what the brokers allow
_REQUEST_TIMEOUT_MS = 30_000


class ContractError(ValueError):
    """An event would only become a dead letter: correct the field that the message names."""


class RawAudioProducer:
    """Sends events so that none is lost or doubled on the way, and each call stays in order.

    Use it as an async context manager; leaving it sends what is still waiting.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        topic: Full name of the topic, with the installation's prefix.

    Raises:
        aiokafka.errors.KafkaConnectionError: On entering, if no broker answers.
    """

    def __init__(self, bootstrap_servers: str, topic: str = RAW) -> None:
        self._topic = topic
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            max_request_size=_MAX_REQUEST_BYTES,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def send(self, event: RawAudio) -> Position:
        """Send one event and wait until the brokers have it safely.

        Returns:
            Where it stands now.

        Raises:
            ContractError: If the event breaks the contract.
            aiokafka.errors.KafkaError: If the brokers did not take it.
        """
        return await (await self.send_soon(event))

    async def send_soon(self, event: RawAudio) -> asyncio.Task[Position]:
        """Put one event in line behind the earlier ones; waits only while the line is full.

        Returns:
            A task whose result is that of `send`. Await it: a failure shows nowhere else.

        Raises:
            ContractError: If the event breaks the contract.
        """
        record = event.to_record()
        read_back = RawAudio.from_record(record)
        if isinstance(read_back, Rejection):
            raise ContractError(read_back.message)
        acknowledged = await self._producer.send(
            self._topic, value=record.value, key=record.key, headers=list(record.headers)
        )
        return asyncio.ensure_future(_position(acknowledged))


async def _position(acknowledged: asyncio.Future[RecordMetadata]) -> Position:
    metadata = await acknowledged
    return Position(metadata.topic, metadata.partition, metadata.offset)
