"""Sends inputs: what is accepted is durable, and what may not be durable is not accepted."""

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from schemas import Position, RawAudio
from streams.clients.errors import BrokersUnavailableError, HotelAudioError, UnacknowledgedError
from streams.clients.producer import RawAudioProducer
from streams.kafka.connection import KafkaConnection
from streams.stores import StoresConfiguration

log = structlog.get_logger(__name__)

#: Seconds for the brokers to acknowledge an input; whoever sends it waits.
_TIMEOUT = 10.0


class Sender:
    """A producer that is started when it is needed, and replaced when it has failed.

    Args:
        connection: The cluster.
        raw: Full name of the topic of live calls.
        recordings: Full name of the topic of recordings.
        stores: Where audio goes that is too large for a record.
        inline_limit: Bytes of audio in a record, at most.
        max_size: Bytes of audio, at most.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        raw: str,
        recordings: str,
        stores: StoresConfiguration,
        *,
        inline_limit: int,
        max_size: int,
    ) -> None:
        self._make = partial(
            RawAudioProducer,
            connection,
            raw,
            timeout=_TIMEOUT,
            recordings=recordings,
            stores=stores,
            inline_limit=inline_limit,
            max_size=max_size,
        )
        self._producer: RawAudioProducer | None = None
        self._lock = asyncio.Lock()

    async def send(self, event: RawAudio, content: bytes | Path) -> Position:
        """Send one input, and wait until all in-sync replicas have it.

        Args:
            event: The input, without its audio.
            content: The audio, or a file with it.

        Raises:
            HotelAudioError: As `RawAudioProducer.send`.
        """
        producer = await self._started()
        try:
            if isinstance(content, Path):
                return await producer.send(event, content)
            return await producer.send(replace(event, audio=content))
        except (UnacknowledgedError, BrokersUnavailableError) as error:
            await self._replace(producer, error)
            raise

    async def close(self) -> None:
        """Close the producer."""
        if self._producer is not None:
            with contextlib.suppress(HotelAudioError):
                await self._producer.__aexit__(None, None, None)

    async def _started(self) -> RawAudioProducer:
        async with self._lock:
            if self._producer is None:
                producer = self._make()
                self._producer = await producer.__aenter__()
            return self._producer

    async def _replace(self, producer: RawAudioProducer, error: HotelAudioError) -> None:
        """Give up a producer: after a batch that was not acknowledged, an idempotent one may refuse all others."""
        async with self._lock:
            if self._producer is not producer:
                return
            self._producer = None
        log.warning("api_producer_replaced", reason=str(error))
        with contextlib.suppress(HotelAudioError):
            await producer.__aexit__(type(error), error, None)
