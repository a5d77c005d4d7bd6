"""The thread of a worker's Kafka consumer: it fetches records, and keeps the membership in the consumer group.

The class here uses internals of Faust 0.15.3 and aiokafka 0.14; the releases are pinned for that reason.
"""

import logging
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as ClientPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import for_code
from aiokafka.protocol.group import LeaveGroupRequest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas.record import TopicPartition
from streams.kafka.protocol.list_offsets import Bounds, read_bounds
from streams.kafka.protocol.offset_fetch import allow_unstable_positions
from streams.kafka.protocol.position_resets import report_position_resets
from streams.kafka.protocol.tolerant_consumer import make_tolerant
from streams.kafka.renewed_login import renew_login
from streams.kafka.transactional_writer import REQUEST_TIMEOUT_MS

#: Faust's default is 1,500 ms. Every other request to a broker waits until a pending fetch is answered: assignments,
#: pauses, and three steps of every table recovery.
_FETCH_MAX_WAIT_MS = 100
#: Seconds for a leader to answer with the bounds of its log; the other partitions wait for it.
_BOUNDS_TIMEOUT = 4.0


class LaneConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a client that reads committed records only, and tolerates unreadable ones.

    Records of an aborted upstream transaction are not calls.

    Attributes:
        largest_record: Uncompressed bytes of the largest record that is read whole.
    """

    largest_record: int
    logger = logging.getLogger("faust.transport")  # mode would name it after this module

    @property
    def member_id(self) -> str:
        """This member's id, given by the group's coordinator."""
        member_id: str = self._ensure_consumer()._coordinator.member_id  # noqa: SLF001  where Faust reads the generation
        return member_id

    async def on_start(self) -> None:
        """Start the consumer. It fetches nothing until the lanes have fenced former owners and sought.

        It does not rejoin its group by itself when a topic changes: which partitions can be served depends on more
        topics than it subscribes to, see `LaneConsumer.request_reassignment`.
        """
        await super().on_start()
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator  # noqa: SLF001
        allow_unstable_positions(coordinator)
        coordinator._on_metadata_change = lambda: None  # noqa: SLF001
        report_position_resets(consumer, self._reset)
        consumer._client.cluster.add_listener(self._report_deleted_topics)  # noqa: SLF001

    async def log_bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Bounds]:
        """Read the first and end offsets of partitions; those whose leaders do not answer in time are left out."""
        client = self._ensure_consumer()._client  # noqa: SLF001  knows the leaders already
        wanted = [ClientPartition(*partition) for partition in partitions]
        found: dict[ClientPartition, Bounds] = await self.call_thread(read_bounds, client, wanted, _BOUNDS_TIMEOUT)
        return {TopicPartition(*partition): bounds for partition, bounds in found.items()}

    def _report_deleted_topics(self, cluster: ClusterMetadata) -> None:
        """Call `LaneConsumer.on_topic_deleted` for assigned topics that are missing from new cluster metadata.

        A fetch refreshes the metadata as soon as a broker does not know its partition.
        """
        consumer: Any = self.consumer
        for topic in {tp.topic for tp in self.assignment()}:
            if cluster.partitions_for_topic(topic) is None:
                consumer.loop.call_soon_threadsafe(consumer.on_topic_deleted, topic)

    def _reset(self, partition: ClientPartition, position: int) -> None:
        consumer: Any = self.consumer  # a `LaneConsumer`, in another thread
        consumer.loop.call_soon_threadsafe(consumer.on_position_reset, TP(*partition), position)

    async def leave_group(self) -> None:
        """Leave the consumer group, so that its other members get this one's partitions at once.

        aiokafka does not let a static member leave: the group waits for its restart until its session expires. Nothing
        may be in flight any more, and the consumer cannot be used afterwards.

        Raises:
            aiokafka.errors.KafkaError: If the group's coordinator does not confirm it.
        """
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        await self.call_thread(_leave, coordinator)

    def rejoin(self) -> None:
        """Join the group again; callable from any thread."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        self.thread_loop.call_soon_threadsafe(coordinator.request_rejoin)

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        make_tolerant(consumer)
        renew_login(consumer._client)  # noqa: SLF001  it has no public name
        consumer.largest = self.largest_record
        # Faust has no settings for these; the consumer reads them when it starts.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001
        consumer._client._request_timeout_ms = REQUEST_TIMEOUT_MS  # noqa: SLF001
        return consumer


async def _leave(coordinator: GroupCoordinator) -> None:
    """Leave the group as the member of this session: a successor with the same instance id would be unknown by it."""
    group, member, joined = coordinator.group_id, coordinator.member_id, coordinator.generation > 0
    await coordinator.close()  # ends the heartbeats, which would join again
    if joined:
        response = await coordinator._send_req(LeaveGroupRequest(group, member))  # noqa: SLF001  no public one
        if response.error_code:
            raise for_code(response.error_code)
