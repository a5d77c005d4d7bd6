"""Faust's Kafka transport, which fences former owners before reading and drains lanes before a rebalance.

The classes here use internals of Faust 0.15.3 and aiokafka 0.14; the releases are pinned for that reason.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar, cast

from aiokafka import ConsumerRecord
from aiokafka import TopicPartition as ClientPartition
from aiokafka.errors import IllegalStateError
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas.record import TopicPartition
from streams.delivery.lanes import Lanes
from streams.delivery.start_offsets import OffsetBeyondLogError, is_beyond, start_offsets
from streams.delivery.transactions import Committed
from streams.engine.assignor import LaneAssignor
from streams.engine.consumer_thread import LaneConsumerThread
from streams.engine.fetch_loop import FetchLoop
from streams.engine.renewing_producer import RenewingProducer
from streams.kafka.protocol.txn_offset_commit import GroupMember
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.topology import InputTopicGoneError

#: Seconds. A seek waits for the pending fetch. Faust's fetches wait for up to a second, and Faust also waits a second
#: when no partition is active: a good part of the duration of a rebalance.
_FETCH_TIMEOUT = 0.1
_NOTHING_ACTIVE_PAUSE = 0.02
#: A new leader, or a former one that does not know of the change yet, may report an end offset that is too low. So an
#: offset beyond the end is checked again: this often, after this many seconds each.
_BOUNDS_RETRIES, _BOUNDS_RETRY_PAUSE = 10, 1.0
#: The key of no entry: those are digests.
_PLACEHOLDER_KEY = b"unreadable"

# mode would name the logger after this module.
_LOGGER = logging.getLogger("faust.transport")


class LaneConsumer(FetchLoop):
    """Faust's consumer, which opens the lanes before the first fetch of a generation and drains them at its end."""

    logger = _LOGGER
    transport: "LaneTransport"
    _thread: LaneConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fetching = asyncio.Lock()
        self._next: dict[TP, int] = {}

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        thread = LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)
        thread.largest_record = self.transport.largest_record
        return thread

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow, commit the records in flight, then let Faust do its part."""
        self.stop_flow()
        try:
            await self.transport.lanes.drain()
        except Exception as error:  # noqa: BLE001  Faust would continue with half-drained lanes
            self.transport.on_failure(error)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Store the new generation; its lanes open when the tables are recovered, and nothing is fetched before."""
        self.pause_partitions({TP(*partition) for partition in self._inputs(assigned)})
        conf = self.app.conf
        member = GroupMember(conf.id, generation_id, self._thread.member_id, conf.consumer_group_instance_id)
        self.transport.lanes.expect(member)
        await self._refresh_changelog_producer(assigned)
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:  # Faust does not seek without partitions, and a spare worker would never become ready
            await self.perform_seek()

    def request_reassignment(self) -> None:
        """Make the consumer group assign all its partitions again."""
        cast("LaneAssignor", self.app.assignor).request_reassignment()
        self._thread.rejoin()

    async def leave_group(self) -> None:
        """Leave the consumer group, see `LaneConsumerThread.leave_group`."""
        await self._thread.leave_group()

    async def _refresh_changelog_producer(self, assigned: set[TP]) -> None:
        """Refresh the metadata of the changelogs' producer if partitions were added: it rejects unknown partitions."""
        producer = cast("driver.Producer", self.app.producer)._producer  # noqa: SLF001  Faust offers no view of it
        if producer is None:
            return
        for topic in self.app.tables.changelog_topics:
            known = producer.client.cluster.partitions_for_topic(topic)
            if known is not None and not {tp.partition for tp in assigned if tp.topic == topic} <= known:
                await producer.client.force_metadata_update()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume tables in recovery only; inputs and standby replicas are resumed by ``resume_flow``.

        Faust resumes inputs too early, in two places. First before it seeks: the records then come from an offset that
        was read before the fencing. And again before it resumes its queues, which clears them: records fetched by then
        are lost. In both cases a lane would start after records that nobody has processed, and a replica would lack
        some.
        """
        super().resume_partitions([tp for tp in tps if not self._resumed_last(tp)])

    def resume_flow(self) -> None:
        """Resume the flow; in the last step of a rebalance also the inputs and replicas.

        That is when tables are recovered and the lanes are open.
        """
        super().resume_flow()
        if self.transport.lanes.ready and not self.app.in_recovery:
            super().resume_partitions([tp for tp in self.assignment() if self._resumed_last(tp)])

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek after the pending fetch, which could still move the positions."""
        async with self._fetching:
            await super().seek_wait(partitions)

    async def _wait_next_records(self, timeout: float) -> tuple[RecordMap | None, set[TP] | None]:
        """Fetch from the active partitions; return soon when there are none.

        Records that arrive after the flow has stopped are dropped: the rebalance seeks when it is done. Faust would
        seek now, and the lanes would open before their tables are recovered.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        active = self._get_active_partitions()
        if held := self.transport.lanes.held:  # a new set: what is fetched now is handed over, even if it has to wait
            active = active - {TP(*tp) for tp in held}
        if not active:
            await self.sleep(_NOTHING_ACTIVE_PAUSE)
            return None, None
        records = await self._getmany(active, min(timeout, _FETCH_TIMEOUT))
        return (records if self.flow_active else None), active

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:
        """Fetch from the partitions that are active now, and announce every input to its lane.

        Faust passes a set that it may change during the fetch. With an empty set, the client would return records of
        any partition; Faust drops them, although the client's position has moved past them. So the set is copied.
        """
        async with self._fetching:
            records = await super()._getmany(active_partitions and set(active_partitions), timeout)
        for tp, batch in records.items():
            if self.transport.lanes.serves(tp.topic):
                last = batch[-1]
                self._next[tp] = last.next_offset if isinstance(last, Unreadable) else last.offset + 1
                for record in batch:
                    self.transport.lanes.announce(TopicPartition(*tp), record.offset, self.app.consumer_generation_id)
            else:
                batch[:] = [_placeholder_for(record) if isinstance(record, Unreadable) else record for record in batch]
        return records

    async def perform_seek(self) -> None:
        """Open the lanes, which fences former owners, then seek to the committed offsets. Every resume calls this.

        Faust would read the offsets itself, without fencing, and could get old ones from a former group coordinator.
        """
        inputs = self._inputs(self.assignment())
        opened = False

        async def begin(committed: Committed) -> Mapping[TopicPartition, int]:
            nonlocal opened
            opened = True
            offsets = await self._begin(inputs, committed)
            await self._seek_inputs(offsets)
            return offsets

        try:
            await self.transport.lanes.open(inputs, begin)
            if not opened:
                own = {partition: lane.committed for partition, lane in self.transport.lanes if partition in inputs}
                await self._seek_inputs(own)
        except IllegalStateError:  # the next rebalance has begun, and will call this again
            raise
        except Exception as error:  # noqa: BLE001  Faust would log it and read on from the current position
            self.transport.on_failure(error)

    def on_topic_deleted(self, topic: str) -> None:
        """End the worker if it reads this topic. Called when the brokers no longer know a topic."""
        if any(partition.topic == topic for partition, _ in self.transport.lanes):
            message = f"{topic} was deleted while this worker read it; ./scripts/topics apply makes it again"
            self.transport.on_failure(InputTopicGoneError(message))

    def on_position_reset(self, tp: TP, position: int) -> None:
        """Count expired records, or end the worker if the log has lost records.

        Called when the client had to move to another position, because the log does not have its offset.

        Args:
            tp: The partition.
            position: The new position.
        """
        partition, expected = TopicPartition(*tp), self._next.get(tp, 0)
        if not self.transport.lanes.owns(partition):
            return
        if position < expected:  # the next start compares the committed offset with the log
            message = f"{tp.topic}-{tp.partition} was read up to offset {expected}, and its log ends before that"
            self.transport.on_failure(OffsetBeyondLogError(message, {partition: expected}))
        elif position > expected > 0:
            self.transport.lanes.expired(partition, expected, position)
        self._next[tp] = position

    async def _begin(self, inputs: Collection[TopicPartition], committed: Committed) -> Mapping[TopicPartition, int]:
        """Choose start offsets from the committed offsets and the logs' bounds; report records that were lost."""
        bounds = await self._thread.log_bounds(inputs)
        for _ in range(_BOUNDS_RETRIES):
            beyond = [partition for partition in inputs if is_beyond(committed.get(partition), bounds.get(partition))]
            if not beyond:
                break
            await asyncio.sleep(_BOUNDS_RETRY_PAUSE)
            bounds |= await self._thread.log_bounds(beyond)
        starts = start_offsets(committed, {partition: bounds.get(partition) for partition in inputs})
        for partition, start in starts.items():
            if start.expired:
                self.transport.lanes.expired(partition, start.offset - start.expired, start.offset)
            elif start.beyond:
                self.transport.lanes.reset_to_log_start(partition, committed[partition].offset, start.offset)
        return {partition: start.offset for partition, start in starts.items()}

    def _resumed_last(self, tp: TP) -> bool:
        """Whether a partition is an input or a standby replica: these are resumed in the last step of a rebalance."""
        return self.transport.lanes.serves(tp.topic) or self.app.assignor.is_standby(tp)

    def _inputs(self, tps: Iterable[TP]) -> set[TopicPartition]:
        return {TopicPartition(*tp) for tp in tps if self.transport.lanes.serves(tp.topic)}

    async def _seek_inputs(self, offsets: Mapping[TopicPartition, int]) -> None:
        positions = {TP(*partition): offset for partition, offset in offsets.items()}
        async with self._fetching:  # a pending fetch could still move the positions after the seek
            self._next.update(positions)
            await super().seek_wait({tp: offset for tp, offset in positions.items() if offset})
            from_start = [tp for tp, offset in positions.items() if not offset]
            if from_start:  # the first offset of the log may be higher than 0
                await self._thread.seek_to_beginning(*(ClientPartition(*tp) for tp in from_start))
        self._read_offset.update((tp, positions.get(tp) or None) for tp in self.assignment())


def _placeholder_for(record: Unreadable) -> ConsumerRecord:
    """Replace an unreadable record of a changelog by the removal of an entry that does not exist.

    The table lacks an entry then, which is encoded again. Without any record, recovery would wait for the offset.
    """
    _LOGGER.warning(
        "offsets %d to %d of %s-%d are passed over: %s",
        record.offset,
        record.next_offset - 1,
        record.topic,
        record.partition,
        record.rejection.message,
    )
    last = record.next_offset - 1
    return ConsumerRecord(
        record.topic,
        record.partition,
        last,
        record.timestamp,
        0,
        _PLACEHOLDER_KEY,
        None,
        None,
        len(_PLACEHOLDER_KEY),
        -1,
        (),
    )


class LaneTransport(driver.Transport):
    """Faust's transport for an app that delivers through lanes.

    Args:
        lanes: Opened when partitions are assigned, drained when they are revoked.
        largest_record: Uncompressed bytes of the largest record that is read whole.
        on_failure: Ends the worker.
    """

    Consumer: ClassVar[Any] = LaneConsumer
    Producer: ClassVar[Any] = RenewingProducer

    def __init__(
        self,
        *args: Any,
        lanes: Lanes,
        largest_record: int,
        on_failure: Callable[[BaseException], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lanes = lanes
        self.largest_record = largest_record
        self.on_failure = on_failure
