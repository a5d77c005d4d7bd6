"""A producer of raw audio."""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka.structs import RecordMetadata

from schemas import Position, RawAudio, Rejection
from schemas.raw_audio import MAX_RAW_BYTES, frame_problem
from schemas.topics import KEYS, RAW, RECORDINGS
from streams.clients.connecting import connection_to
from streams.clients.error_translation import closed, translated_errors
from streams.clients.errors import BrokersUnavailableError, ContractError, StoresRequiredError, UnacknowledgedError
from streams.clients.input_sealing import InputSealer
from streams.clients.key_view import KeyStoreSource, opener_of
from streams.clients.stores import stores_of, translated_store_errors
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal
from streams.kafka.stopping import stop_within, stopped_on_failure
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.objects import sealed_object_bytes
from streams.security.sealing.sealed_record import seal_record
from streams.stores import StoresConfiguration
from streams.stores.claim_check import INLINE_LIMIT, MAX_SIZE, ClaimCheck, size_of

_MAX_REQUEST_BYTES = 10 * 2**20  # what the brokers allow
#: Of the records of a partition that go together. With less than a segment has, each would wait for the one before.
_BATCH_BYTES = 2**20
_LEAVE_TIMEOUT = 5.0  # seconds for closing after an error
_ANYWHERE = "s3://bucket/key"  # stands for a reference that is not known yet


class RawAudioProducer:
    """Sends events without loss or duplicates, and keeps the order within each call.

    Use it as an async context manager; on leaving, it sends the events that are still queued.

    With ``stores``, audio may have any size: what exceeds the inline limit is stored there, under its SHA-256, before
    the event is sent, as a reference and to the topic of recordings. Without, an event has at most 8 MiB of audio.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.
        topic: Full name of the topic, with the installation's prefix.
        timeout: Seconds for the brokers to acknowledge an event.
        recordings: Full name of the topic for events with a reference.
        stores: Object stores as in the setting AUDIO_STORES, the first of which is written to; or a configuration, for
            an account of its own.
        inline_limit: Bytes of audio that an event has at most, if there are stores.
        max_size: Bytes that audio may have at most, as in the workers' setting AUDIO_MAX_SIZE.
        seal: The installation's key store, as in the setting AUDIO_KEY_STORE, a `KeyStore`, or what opens it: events,
            and audio that is stored, are sealed before they are sent. None to send them in clear.
        keys: Full name of the topic of keys. A call's key is acknowledged before its first event is sent.
        retention: How long what is sealed can be opened. None for as long as the hotel's policy says, from the next
            turn of the keys on: a producer reads no policy.

    Raises:
        InvalidAddressError: If brokers or stores are not given in the right form.
        BrokersUnavailableError: On entering, if no broker answers.
        UnacknowledgedError: On leaving, if events were not acknowledged in time.
    """

    def __init__(
        self,
        bootstrap_servers: str | KafkaConnection,
        topic: str = RAW,
        *,
        timeout: float = 30.0,
        recordings: str = RECORDINGS,
        stores: str | StoresConfiguration | None = None,
        inline_limit: int = INLINE_LIMIT,
        max_size: int = MAX_SIZE,
        seal: KeyStoreSource | None = None,
        keys: str = KEYS,
        retention: timedelta | None = None,
    ) -> None:
        self._topic = topic
        self._recordings = recordings
        self._inline_limit = MAX_RAW_BYTES if stores is None else inline_limit
        self._max_size = max_size
        self._claim_check = None if stores is None else ClaimCheck(stores_of(stores), inline_limit, max_size)
        self._timeout = timeout
        self._closed = False
        self._connection = connection_to(bootstrap_servers)
        self._producer = self._connection.producer(
            acks="all",
            enable_idempotence=True,
            max_request_size=_MAX_REQUEST_BYTES,
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=round(timeout * 1000),
        )
        open_store = opener_of(seal)
        self._sealer = open_store and InputSealer(self._producer, keys, open_store, retention, timeout)

    async def __aenter__(self) -> Self:
        with self._translated_errors():
            async with stopped_on_failure(self._producer), explained_refusal(self._connection):
                await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if self._claim_check is not None:
            self._claim_check.stores.close()
        within = self._timeout if error is None else _LEAVE_TIMEOUT
        with self._translated_errors():
            acknowledged = await stop_within(self._producer, within)
        if not acknowledged and error is None:
            raise self._unacknowledged(within)

    async def send(self, event: RawAudio, file: Path | None = None) -> Position:
        """Send one event and wait until all in-sync replicas have it.

        Args:
            event: The event, with its audio, or with a reference to an object that is stored already.
            file: A file with the audio, of any size, instead of the event's own audio; it must not change meanwhile.

        Returns:
            Its position in Kafka.

        Raises:
            ContractError: If the event breaks the contract, or the audio is larger than `max_size`.
            StoresRequiredError: If the audio is too large for a record, and the producer has no stores.
            StoresUnavailableError: If the store fails.
            KeysUnavailableError: If the event is to be sealed, and the key store cannot be used: nothing is sent.
            OSError: If the file cannot be read.
            UnacknowledgedError: If no broker acknowledged it in time; it may arrive all the same, and it is safe to
                send it again with the same id.
            TopicNotFoundError: If the topic does not exist.
            HotelAudioError: If the brokers refused it for another reason.
        """
        return await (await self.send_soon(event, file))

    async def send_soon(self, event: RawAudio, file: Path | None = None) -> asyncio.Task[Position]:
        """Queue one event after the earlier ones; waits while its audio is stored, or the queue is full.

        Returns:
            A task with the result of `send`. Await it: it is the only place that reports a failure of the brokers.

        Raises:
            HotelAudioError: As `send`; or if the topic does not exist, or the queue stays full because no broker
                answers.
        """
        if self._closed:  # the Kafka client would look for the topic forever
            raise closed()
        key, partition = (None, None) if self._sealer is None else await self._key_for(event, self._sealer)
        event = await self._checked_in(event, file, key)
        record = event.to_record() if key is None else seal_record(event.to_record(), key)
        topic = self._topic if event.data_ref is None else self._recordings
        with self._translated_errors(topic):
            acknowledged = await self._producer.send(
                topic, value=record.value, key=record.key, partition=partition, headers=list(record.headers)
            )
        return asyncio.ensure_future(self._acknowledged(acknowledged, topic))

    async def _key_for(self, event: RawAudio, sealer: InputSealer) -> tuple[DataKey, int]:
        try:
            with self._translated_errors():
                return await sealer.key_for(event, self._topic)
        except (TimeoutError, BrokersUnavailableError) as error:
            raise self._unacknowledged(self._timeout) from error

    async def _checked_in(self, event: RawAudio, file: Path | None, key: DataKey | None) -> RawAudio:
        """The event as it is sent, with its audio stored if that is too large; nothing of a bad event is stored."""
        content = event.audio if file is None else file
        size = size_of(content)
        if event.data_ref is not None or (file is None and size <= self._inline_limit):
            _check(event, size)
            return event
        if not size:
            raise ContractError(f"value: {file} is empty; send at least one sample of audio")
        if file is not None and size <= self._inline_limit:
            event = replace(event, audio=await asyncio.to_thread(file.read_bytes))
            _check(event, size)
            return event
        if self._claim_check is None:
            raise StoresRequiredError(
                f"{size} bytes of audio are too large for a record, which takes {self._inline_limit}: give the producer"
                " stores, or send shorter segments"
            )
        if (size if key is None else sealed_object_bytes(size)) > self._max_size:
            raise ContractError(f"value: has {size} bytes and may have {self._max_size}; send parts of it")
        _check(replace(event, audio=b"", data_ref=_ANYWHERE), size)
        with translated_store_errors():
            return await asyncio.to_thread(self._claim_check.store_input, event, content, key)

    async def _acknowledged(self, future: asyncio.Future[RecordMetadata], topic: str) -> Position:
        try:
            with self._translated_errors(topic):
                async with asyncio.timeout(self._timeout):
                    metadata = await future
        except (TimeoutError, BrokersUnavailableError) as error:
            raise self._unacknowledged(self._timeout) from error
        return Position(metadata.topic, metadata.partition, metadata.offset)

    def _unacknowledged(self, seconds: float) -> UnacknowledgedError:
        return UnacknowledgedError(
            f"the Kafka brokers at {self._connection.bootstrap_servers} acknowledged nothing within {seconds:g} s:"
            " events may have arrived all the same; send them again, with the same ids"
        )

    def _translated_errors(self, topic: str | None = None) -> AbstractContextManager[None]:
        return translated_errors(self._connection, topic or self._topic)


def _check(event: RawAudio, size: int) -> None:
    """Check an event before anything of it is sent or stored.

    Raises:
        ContractError: If it breaks the contract.
    """
    read_back = RawAudio.from_record(event.to_record())
    problem = read_back if isinstance(read_back, Rejection) else frame_problem(read_back, size)
    if problem is not None:
        raise ContractError(problem.message)
