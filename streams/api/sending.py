"""Sends inputs: what is accepted is durable, and what may not be durable is not accepted."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from schemas import Position, RawAudio
from streams.clients.errors import BrokersUnavailableError, HotelAudioError, UnacknowledgedError
from streams.clients.producer import RawAudioProducer
from streams.kafka.connection import KafkaConnection
from streams.security.sealing.key_store import KeyStore
from streams.stores import StoresConfiguration

log = structlog.get_logger(__name__)

#: Seconds for the brokers to acknowledge an input; whoever sends it waits.
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class UploadSealing:
    """What of the inputs is sealed, and how.

    Attributes:
        wanted: Returns whether what belongs to a hotel has to be sealed.
        open_store: Opens the key store.
        keys: Full name of the topic of keys.
    """

    wanted: Callable[[str], bool]
    open_store: Callable[[], KeyStore]
    keys: str


class Sender:
    """A producer for inputs that are sealed and one for others; started when needed, and replaced when it has failed.

    Args:
        connection: The cluster.
        raw: Full name of the topic of live calls.
        recordings: Full name of the topic of recordings.
        stores: Where audio goes that is too large for a record.
        sealing: What is sealed.
        inline_limit: Bytes of audio in a record, at most.
        max_size: Bytes of audio, at most.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        raw: str,
        recordings: str,
        stores: StoresConfiguration,
        sealing: UploadSealing,
        *,
        inline_limit: int,
        max_size: int,
    ) -> None:
        in_clear = partial(
            RawAudioProducer,
            connection,
            raw,
            timeout=_TIMEOUT,
            recordings=recordings,
            stores=stores,
            inline_limit=inline_limit,
            max_size=max_size,
        )
        self._make = {False: in_clear, True: partial(in_clear, seal=sealing.open_store, keys=sealing.keys)}
        self._wanted = sealing.wanted
        self._producers: dict[bool, RawAudioProducer] = {}
        self._lock = asyncio.Lock()

    async def send(self, event: RawAudio, content: bytes | Path) -> Position:
        """Send one input, and wait until all in-sync replicas have it.

        Args:
            event: The input, without its audio.
            content: The audio, or a file with it.

        Raises:
            HotelAudioError: As `RawAudioProducer.send`.
        """
        seals = self._wanted(event.hotel_id)
        producer = await self._started(seals)
        try:
            if isinstance(content, Path):
                return await producer.send(event, content)
            return await producer.send(replace(event, audio=content))
        except (UnacknowledgedError, BrokersUnavailableError) as error:
            await self._replace(seals, producer, error)
            raise

    async def close(self) -> None:
        """Close the producers."""
        for producer in self._producers.values():
            with contextlib.suppress(HotelAudioError):
                await producer.__aexit__(None, None, None)

    async def _started(self, seals: bool) -> RawAudioProducer:
        async with self._lock:
            if seals not in self._producers:
                producer = self._make[seals]()
                self._producers[seals] = await producer.__aenter__()
            return self._producers[seals]

    async def _replace(self, seals: bool, producer: RawAudioProducer, error: HotelAudioError) -> None:
        """Give up a producer: after a batch that was not acknowledged, an idempotent one may refuse all others."""
        async with self._lock:
            if self._producers.get(seals) is not producer:
                return
            del self._producers[seals]
        log.warning("api_producer_replaced", reason=str(error))
        with contextlib.suppress(HotelAudioError):
            await producer.__aexit__(type(error), error, None)
