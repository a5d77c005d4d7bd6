"""Outcomes of inputs, read from the topics of results and dead letters."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from schemas.topics import COMPRESSED, DEAD_LETTER

_POLL_MS = 200


class Found(NamedTuple):
    """The outcome of one input.

    Attributes:
        partition: Of the input, and of the outcome.
        offset: Of the input.
        code: Why it was refused; None for a result.
        message: The record.
    """

    partition: int
    offset: int
    code: str | None
    message: ConsumerRecord[bytes, bytes]

    def header(self, name: str) -> bytes | None:
        """The last header of a name."""
        return dict(self.message.headers).get(name)


async def outcomes(
    bootstrap_servers: str, prefix: str, enough: Callable[[list[Found]], bool], within: float = 60.0
) -> list[Found]:
    """Read outcomes from the beginning, until one second after ``enough`` holds, or until the time is over.

    Args:
        bootstrap_servers: The cluster.
        prefix: Put before every topic's name.
        enough: Whether no more are expected.
        within: Seconds.
    """
    found: list[Found] = []
    async with AIOKafkaConsumer(
        f"{prefix}{COMPRESSED}",
        f"{prefix}{DEAD_LETTER}",
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=10 * 2**20,
    ) as consumer:
        until = asyncio.get_running_loop().time() + within
        while asyncio.get_running_loop().time() < until:
            batches = await consumer.getmany(timeout_ms=_POLL_MS)
            found += [_found(message) for messages in batches.values() for message in messages]
            if enough(found):
                until = min(until, asyncio.get_running_loop().time() + 1)
    return found


def _found(message: ConsumerRecord[bytes, bytes]) -> Found:
    headers = dict(message.headers)
    if message.topic.endswith(DEAD_LETTER):
        offset = int(headers["__connect.errors.offset"])
        return Found(message.partition, offset, headers["__connect.errors.exception.class.name"].decode(), message)
    return Found(message.partition, int(headers["ce_sourceoffset"]), None, message)
