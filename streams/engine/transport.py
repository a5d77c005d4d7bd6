"""Faust's Kafka transport, with fencing before reading and draining before letting go.

The classes here rest on internals of Faust 0.15.3 and aiokafka 0.14; the releases are pinned for that reason.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

from aiokafka import ConsumerRecord
from aiokafka import TopicPartition as ClientPartition
from aiokafka.errors import IllegalStateError
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from schemas.record import TopicPartition
from streams.delivery.lanes import Lanes
from streams.delivery.start_offsets import OffsetBeyondLogError, beginnings, is_beyond
from streams.delivery.transactions import Committed
from streams.engine.assignor import LaneAssignor
from streams.engine.consumer_thread import LaneConsumerThread
from streams.engine.fetch_loop import FetchLoop
from streams.kafka.protocol.txn_offset_commit import GroupMember
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.topology import InputTopicGoneError

#: A seek waits for the fetch under way. Faust lets that wait for a second, and looks as rarely for partitions to fetch
#: from while there are none: a good part of what a rebalance takes.
_FETCH_SECONDS = 0.1
_NOTHING_ACTIVE_SECONDS = 0.02
#: A leader that has just changed, or does not know that it has, may call a log shorter than it is. So often is it asked
#: again, after so many seconds, before it is believed.
_LOOKS_BEYOND, _LOOK_PAUSE = 10, 1.0


#: Of no entry: keys are digests.
_NO_KEY = b"unreadable"

# mode names a subclass's logger after its module; these lines are Faust's.
_LOGGER = logging.getLogger("faust.transport")


class LaneConsumer(FetchLoop):
    """Opens the lanes of a generation before its first record is read, and drains them before it ends."""

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
        """Stop the flow, commit what is in flight, then let Faust do its part."""
        self.stop_flow()
        try:
            await self.transport.lanes.drain()
        except Exception as error:  # noqa: BLE001  Faust would go on with half-drained lanes
            self.transport.on_failure(error)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note the generation: its lanes open once the tables are recovered, and nothing is read before."""
        self.pause_partitions(self._served(assigned).values())
        conf = self.app.conf
        member = GroupMember(conf.id, generation_id, self._thread.member_id, conf.consumer_group_instance_id)
        self.transport.lanes.expect(member)
        await self._refresh_changelog_producer(assigned)
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:  # Faust seeks only where there is something to seek: a spare worker would never be ready
            await self.perform_seek()

    def request_reassignment(self) -> None:
        """Make the group assign all its partitions anew."""
        cast("LaneAssignor", self.app.assignor).request_reassignment()
        self._thread.rejoin()

    async def _refresh_changelog_producer(self, assigned: set[TP]) -> None:
        """Let the producer of changelogs know of partitions that were added: it refuses those that it does not know."""
        producer = cast("driver.Producer", self.app.producer)._producer  # noqa: SLF001  Faust offers no view of it
        if producer is None:
            return
        for topic in self.app.tables.changelog_topics:
            known = producer.client.cluster.partitions_for_topic(topic)
            if known is not None and not {tp.partition for tp in assigned if tp.topic == topic} <= known:
                await producer.client.force_metadata_update()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume tables in recovery only; inputs and standby replicas of tables wait for ``resume_flow``.

        Faust resumes its inputs too early, twice over. Before it seeks: what is read then comes from an offset that was
        looked up before the fencing. And before it resumes its queues, which empties them: what was read by then is
        gone. Either way a lane would begin behind records that nobody has processed, and a replica would lack some.
        """
        super().resume_partitions([tp for tp in tps if not self._waits(tp)])

    def resume_flow(self) -> None:
        """Resume; the last step of a rebalance, once tables are recovered and lanes open, resumes what waited too."""
        super().resume_flow()
        if self.transport.lanes.ready and not self.app.in_recovery:
            super().resume_partitions([tp for tp in self.assignment() if self._waits(tp)])

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, once the fetch under way is over: it could still move the positions."""
        async with self._fetching:
            await super().seek_wait(partitions)

    async def _wait_next_records(self, timeout: float) -> tuple[RecordMap | None, set[TP] | None]:
        """Fetch from the partitions that are active, and look again soon when none is.

        What comes when the flow has stopped is dropped: the rebalance under way seeks when it is done. Faust would seek
        now, and the lanes would open before their tables are recovered.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        active = self._get_active_partitions()
        if not active:
            await self.sleep(_NOTHING_ACTIVE_SECONDS)
            return None, None
        records = await self._getmany(active, min(timeout, _FETCH_SECONDS))
        return (records if self.flow_active else None), active

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:
        """Fetch from just those partitions that are active now, and announce every input to its lane.

        Faust hands over the set that it goes on changing. Once that is empty, the client returns records of any
        partition; Faust drops those, and the client's position is past them.
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
        """Fence former owners, then seek to the committed offsets; whatever resumes reading comes through here.

        Faust asks for those itself, outside of the fence: a broker that was the group's coordinator answers as well.
        """
        served = self._served(self.assignment())
        opened = False

        async def begin(committed: Committed) -> Mapping[TopicPartition, int]:
            nonlocal opened
            opened = True
            offsets = await self._begin(served, committed)
            await self._seek_inputs(served, offsets)
            return offsets

        try:
            await self.transport.lanes.open(served, begin)
            if not opened:
                own = {partition: lane.committed for partition, lane in self.transport.lanes if partition in served}
                await self._seek_inputs(served, own)
        except IllegalStateError:  # the next rebalance has begun, and will come through here again
            raise
        except Exception as error:  # noqa: BLE001  Faust logs it and reads on from wherever it stands
            self.transport.on_failure(error)

    def on_topic_deleted(self, topic: str) -> None:
        """Hear that the brokers do not know a topic any more."""
        if any(partition.topic == topic for partition, _ in self.transport.lanes):
            message = f"{topic} was deleted while this worker read it; ./scripts/topics apply makes it again"
            self.transport.on_failure(InputTopicGoneError(message))

    def on_position_reset(self, tp: TP, position: int) -> None:
        """Hear that the client goes on reading elsewhere, because the log does not have what it was about to read."""
        partition, expected = TopicPartition(*tp), self._next.get(tp, 0)
        if not self.transport.lanes.owns(partition):
            return
        if position < expected:  # the next start looks closer
            message = f"{tp.topic}-{tp.partition} was read up to offset {expected}, and its log ends before that"
            self.transport.on_failure(OffsetBeyondLogError(message, {partition: expected}))
        elif position > expected > 0:
            self.transport.lanes.expired(partition, expected, position)
        self._next[tp] = position

    async def _begin(self, served: Mapping[TopicPartition, TP], committed: Committed) -> Mapping[TopicPartition, int]:
        """Hold the committed offsets against the logs' bounds, and tell what has expired or lies beyond the end."""
        bounds = await self._thread.log_bounds(served.values())
        for _ in range(_LOOKS_BEYOND):
            beyond = [tp for partition, tp in served.items() if is_beyond(committed.get(partition), bounds.get(tp))]
            if not beyond:
                break
            await asyncio.sleep(_LOOK_PAUSE)
            bounds |= await self._thread.log_bounds(beyond)
        found = beginnings(committed, {partition: bounds.get(tp) for partition, tp in served.items()})
        for partition, begins in found.items():
            if begins.expired:
                self.transport.lanes.expired(partition, begins.offset - begins.expired, begins.offset)
            elif begins.beyond:
                self.transport.lanes.reset_to_log_start(partition, committed[partition].offset, begins.offset)
        return {partition: begins.offset for partition, begins in found.items()}

    def _waits(self, tp: TP) -> bool:
        return self.transport.lanes.serves(tp.topic) or self.app.assignor.is_standby(tp)

    def _served(self, tps: Iterable[TP]) -> dict[TopicPartition, TP]:
        return {TopicPartition(tp.topic, tp.partition): tp for tp in tps if self.transport.lanes.serves(tp.topic)}

    async def _seek_inputs(self, served: Mapping[TopicPartition, TP], offsets: Mapping[TopicPartition, int]) -> None:
        positions = {served[partition]: offset for partition, offset in offsets.items()}
        async with self._fetching:  # a fetch under way could still move the positions after the seek
            self._next.update(positions)
            await super().seek_wait({tp: offset for tp, offset in positions.items() if offset})
            beginning = [tp for tp, offset in positions.items() if not offset]
            if beginning:  # the log may begin later
                await self._thread.seek_to_beginning(*(ClientPartition(*tp) for tp in beginning))
        self._read_offset.update((tp, positions.get(tp) or None) for tp in self.assignment())


def _placeholder_for(record: Unreadable) -> ConsumerRecord:
    """What a table reads in place of an unreadable record of its changelog: the removal of an entry that is not there.

    The table lacks an entry then, which is made anew. Without any record, recovery would wait for it.
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
        record.topic, record.partition, last, record.timestamp, 0, _NO_KEY, None, None, len(_NO_KEY), -1, ()
    )


class LaneTransport(driver.Transport):
    """The transport to assign to an app that delivers through lanes.

    Args:
        lanes: Opened and drained as partitions come and go.
        largest_record: Bytes of a record that is read whole, uncompressed.
        on_failure: Ends the worker.
    """

    Consumer: ClassVar[Any] = LaneConsumer

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
