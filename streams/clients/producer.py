"""A producer of raw audio."""

import asyncio
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from aiokafka.structs import RecordMetadata

from schemas import Position, RawAudio, Rejection
from schemas.raw_audio import frame_problem
from schemas.topics import RAW
from streams.clients.connecting import connection_to
from streams.clients.error_translation import closed, translated_errors
from streams.clients.errors import BrokersUnavailableError, ContractError, UnacknowledgedError
from streams.clients.stopping import stop_within, stopped_on_failure
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal

_MAX_REQUEST_BYTES = 10 * 2**20  # what the brokers allow
_LEAVE_TIMEOUT = 5.0  # seconds for closing after an error


class RawAudioProducer:
    """Sends events without loss or duplicates, and keeps the order within each call.

    Use it as an async context manager; on leaving, it sends the events that are still queued.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.
        topic: Full name of the topic, with the installation's prefix.
        timeout: Seconds for the brokers to acknowledge an event.

    Raises:
        BrokersUnavailableError: On entering, if no broker answers.
        UnacknowledgedError: On leaving, if events were not acknowledged in time.
    """

    def __init__(self, bootstrap_servers: str | KafkaConnection, topic: str = RAW, *, timeout: float = 30.0) -> None:
        self._topic = topic
        self._timeout = timeout
        self._closed = False
        self._connection = connection_to(bootstrap_servers)
        self._producer = self._connection.producer(
            acks="all",
            enable_idempotence=True,
            max_request_size=_MAX_REQUEST_BYTES,
            request_timeout_ms=round(timeout * 1000),
        )

    async def __aenter__(self) -> Self:
        with self._translated_errors():
            async with stopped_on_failure(self._producer), explained_refusal(self._connection):
                await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        within = self._timeout if error is None else _LEAVE_TIMEOUT
        with self._translated_errors():
            acknowledged = await stop_within(self._producer, within)
        if not acknowledged and error is None:
            raise self._unacknowledged(within)

    async def send(self, event: RawAudio) -> Position:
        """Send one event and wait until all in-sync replicas have it.

        Returns:
            Its position in Kafka.

        Raises:
            ContractError: If the event breaks the contract.
            UnacknowledgedError: If no broker acknowledged it in time; it may arrive all the same, and it is safe to
                send it again with the same id.
            TopicNotFoundError: If the topic does not exist.
            HotelAudioError: If the brokers refused it for another reason.
        """
        return await (await self.send_soon(event))

    async def send_soon(self, event: RawAudio) -> asyncio.Task[Position]:
        """Queue one event after the earlier ones; waits only while the queue is full.

        Returns:
            A task with the result of `send`. Await it: it is the only place that reports a failure.

        Raises:
            ContractError: If the event breaks the contract.
            HotelAudioError: If the topic does not exist, or the queue stays full because no broker answers.
        """
        record = event.to_record()
        read_back = RawAudio.from_record(record)
        problem = read_back if isinstance(read_back, Rejection) else frame_problem(read_back)
        if problem is not None:
            raise ContractError(problem.message)
        if self._closed:  # the Kafka client would look for the topic forever
            raise closed()
        with self._translated_errors():
            acknowledged = await self._producer.send(
                self._topic, value=record.value, key=record.key, headers=list(record.headers)
            )
        return asyncio.ensure_future(self._acknowledged(acknowledged))

    async def _acknowledged(self, future: asyncio.Future[RecordMetadata]) -> Position:
        try:
            with self._translated_errors():
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

    def _translated_errors(self) -> AbstractContextManager[None]:
        return translated_errors(self._connection, self._topic)
