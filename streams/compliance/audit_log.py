"""Writes entries to the topic ``audio.audit``."""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from schemas import Record
from streams.kafka.connection import KafkaConnection
from streams.kafka.stopping import stop_within, stopped_on_failure

_TIMEOUT = 15.0  # seconds for the brokers to answer
_LEAVE_TIMEOUT = 5.0


class AuditLog:
    """Appends records to the topic; use it as an async context manager.

    A record is in the log when `write` returns. For entries that belong to a transaction, send them with its producer.

    Args:
        connection: The cluster.
        topic: The topic's full name.

    Raises:
        aiokafka.errors.KafkaError: On entering, if the brokers do not answer, or refuse.
    """

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._topic = topic
        self._producer: AIOKafkaProducer = connection.producer(acks="all", enable_idempotence=True)

    async def __aenter__(self) -> Self:
        async with stopped_on_failure(self._producer):
            await _within(self._producer.start())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop_within(self._producer, _LEAVE_TIMEOUT)

    async def write(self, records: list[Record]) -> None:
        """Append records in their order; afterwards all in-sync replicas have them.

        Raises:
            aiokafka.errors.KafkaError: If the brokers do not answer, or refuse. The chain is broken then.
        """
        await _within(self._write(records))

    async def _write(self, records: list[Record]) -> None:
        waiting = [await self._producer.send(self._topic, one.value, key=one.key) for one in records]
        await asyncio.gather(*waiting)


async def _within(work: Awaitable[None]) -> None:
    try:
        await asyncio.wait_for(work, _TIMEOUT)
    except TimeoutError as error:
        raise KafkaTimeoutError("the brokers do not confirm the audit") from error
