"""The thread in which a worker's Kafka client fetches, and is a member of the consumer group.

The class here rests on internals of Faust 0.15.3 and aiokafka 0.14; the releases are pinned for that reason.
"""

import logging
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.cluster import ClusterMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.kafka.protocol.list_offsets import Bounds, read_bounds
from streams.kafka.protocol.offset_fetch import allow_unstable_positions, mend_offset_fetch
from streams.kafka.protocol.position_resets import report_position_resets
from streams.kafka.protocol.tolerant_consumer import make_tolerant
from streams.kafka.transactional_writer import REQUEST_TIMEOUT_MS

#: Faust asks for 1,500 ms. Whatever else is asked of a broker waits behind a fetch that found nothing yet: assignments,
#: pauses and, three times over, the steps of a recovery.
_FETCH_MAX_WAIT_MS = 100
#: Seconds that a leader gets to tell the bounds of its log; the other partitions wait for it.
_BOUNDS_WITHIN = 4.0


class LaneConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads only committed records: an upstream transaction that was aborted is not a call.

    Attributes:
        largest_record: Bytes of a record that is read whole, uncompressed.
    """

    largest_record: int
    logger = logging.getLogger("faust.transport")  # mode would name it after this module

    @property
    def member_id(self) -> str:
        """What the group's coordinator calls this member."""
        member_id: str = self._ensure_consumer()._coordinator.member_id  # noqa: SLF001  where Faust reads the generation
        return member_id

    async def on_start(self) -> None:
        """Start the consumer, as one that seeks to committed offsets after the fencing, and reads nothing before.

        Nor does it join its group again by itself when a topic changes: what is served depends on more topics than it
        knows, see `LaneConsumer.request_reassignment`.
        """
        await super().on_start()
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator  # noqa: SLF001
        allow_unstable_positions(coordinator)
        coordinator._on_metadata_change = lambda: None  # noqa: SLF001
        report_position_resets(consumer, self._reset)
        consumer._client.cluster.add_listener(self._report_deleted_topics)  # noqa: SLF001

    async def log_bounds(self, partitions: Collection[TP]) -> dict[TP, Bounds]:
        """Ask for what the logs of partitions have; those whose leaders do not answer soon are left out."""
        client = self._ensure_consumer()._client  # noqa: SLF001  knows the leaders already
        wanted = [TopicPartition(*tp) for tp in partitions]
        found: dict[TopicPartition, Bounds] = await self.call_thread(read_bounds, client, wanted, _BOUNDS_WITHIN)
        return {TP(*partition): bounds for partition, bounds in found.items()}

    def _report_deleted_topics(self, cluster: ClusterMetadata) -> None:
        """Tell of topics that are gone. A fetch asks for metadata as soon as a broker does not know its partition."""
        consumer: Any = self.consumer
        for topic in {tp.topic for tp in self.assignment()}:
            if cluster.partitions_for_topic(topic) is None:
                consumer.loop.call_soon_threadsafe(consumer.on_topic_deleted, topic)

    def _reset(self, partition: TopicPartition, position: int) -> None:
        consumer: Any = self.consumer  # it has the thread make itself known
        consumer.loop.call_soon_threadsafe(consumer.on_position_reset, TP(*partition), position)

    def topic_partitions(self, topic: str) -> int | None:  # noqa: ARG002  as in Faust
        """Say nothing: Faust refuses to write to a table whose changelog has another number of partitions.

        Here it may have, for as long as partitions are being added; see `LaneAssignor`.
        """
        return None

    def rejoin(self) -> None:
        """Join the group again; may be called from any thread."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        self.thread_loop.call_soon_threadsafe(coordinator.request_rejoin)

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        mend_offset_fetch()
        consumer = super()._create_worker_consumer(transport)
        make_tolerant(consumer)
        consumer.largest = self.largest_record
        # Faust offers none of these as a setting of its own; all are read when the consumer starts.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001
        consumer._client._request_timeout_ms = REQUEST_TIMEOUT_MS  # noqa: SLF001
        return consumer
