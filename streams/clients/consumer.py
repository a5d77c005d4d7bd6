"""A consumer of compressed audio."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from aiokafka import ConsumerRebalanceListener, TopicPartition

from schemas import CompressedAudio, Rejection
from schemas.topics import COMPRESSED
from streams.clients.connecting import connection_to
from streams.clients.error_translation import translated_errors
from streams.clients.errors import GroupRequiredError
from streams.clients.messages import record_of
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer
from streams.kafka.protocol.unreadable import Unreadable

_MAX_FETCH_BYTES = 10 * 2**20  # one record of the largest size


class CompressedAudioConsumer:
    """Receives committed results; those of a call arrive in order.

    Use it as an async context manager and iterate over it. A record that is not a valid result, or cannot be read,
    arrives as a `Rejection`.

    With a group, its consumers share the partitions and continue at the group's committed offsets: call `commit` when
    the results received so far are stored; after a crash, later ones arrive again. Without a group, each consumer gets
    all results.

    A group that has committed before reads partitions that are added to the topic from their start.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.
        topic: Full name of the topic, with the installation's prefix.
        group_id: Consumer group, or None.
        from_beginning: Whether to start at the oldest result if nothing was committed; otherwise at the next result.

    Raises:
        BrokersUnavailableError: On entering, if no broker answers.
        TopicNotFoundError: On entering, if the topic does not exist.
        HotelAudioError: On entering and while reading, for any other error of the brokers.
    """

    def __init__(
        self,
        bootstrap_servers: str | KafkaConnection,
        topic: str = COMPRESSED,
        *,
        group_id: str | None = None,
        from_beginning: bool = False,
    ) -> None:
        self._in_group = group_id is not None
        self._topic = topic
        self._connection = connection_to(bootstrap_servers)
        self._consumer = self._connection.consumer(
            group_id=group_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest" if from_beginning else "latest",
            max_partition_fetch_bytes=_MAX_FETCH_BYTES,
        )
        listener = _NewPartitions(self._consumer) if self._in_group else None
        self._consumer.subscribe([topic], listener=listener)

    async def __aenter__(self) -> Self:
        with self._translated_errors():
            try:
                await self._consumer.start()
                if not self._in_group:
                    # Otherwise "the next result" would be determined by the first fetch, some time after this returns.
                    for partition in self._consumer.assignment():
                        await self._consumer.position(partition)
            except BaseException:
                await self._consumer.stop()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._translated_errors():
            await self._consumer.stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CompressedAudio | Rejection:
        with self._translated_errors():
            message = await self._consumer.getone()
        if isinstance(message, Unreadable):
            return message.rejection
        return CompressedAudio.from_record(record_of(message))

    async def commit(self) -> None:
        """Commit the group's offsets after all results received so far.

        Raises:
            GroupRequiredError: Without a group.
            PartitionsLostError: If the group has given the partitions to another consumer.
            HotelAudioError: If the brokers do not answer, or refuse.
        """
        if not self._in_group:
            raise GroupRequiredError("a consumer without a group commits nothing: give it a group_id")
        with self._translated_errors():
            await self._consumer.commit()

    def _translated_errors(self) -> AbstractContextManager[None]:
        return translated_errors(self._connection, self._topic)


class _NewPartitions(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Seeks to the start of partitions that are new to a group which has committed before.

    If the group has not committed anything yet, ``from_beginning`` decides.
    """

    def __init__(self, consumer: TolerantConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        pass

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        for topic in {partition.topic for partition in assigned}:
            numbers = self._consumer.partitions_for_topic(topic) or ()
            partitions = [TopicPartition(topic, number) for number in numbers]
            committed = {one for one in partitions if await self._consumer.committed(one) is not None}
            new = [one for one in assigned if one.topic == topic and one not in committed]
            if committed and new:
                await self._consumer.seek_to_beginning(*new)
