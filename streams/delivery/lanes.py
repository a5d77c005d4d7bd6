"""The lanes of a worker: opened when partitions are assigned, drained when they go."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any

import structlog

from schemas.record import TopicPartition
from streams.delivery.committer import Committer
from streams.delivery.job import RecordingJob
from streams.delivery.lane import Lane
from streams.delivery.lane_parts import LaneParts, Service
from streams.delivery.outcome import InputRecord, Processor, RecordingProcessor
from streams.delivery.start_offsets import OffsetBeyondLogError
from streams.delivery.transactions import BEYOND_LOG, Batch, Committed, Transactor
from streams.kafka.protocol.txn_offset_commit import GroupMember

log = structlog.get_logger(__name__)

#: Maximum seconds for a drain; below the group's rebalance timeout, so that the worker stays a member meanwhile.
DRAIN_TIMEOUT = 20.0


#: Takes the committed offsets and returns the first offset to read in each partition.
Begin = Callable[[Committed], Awaitable[Mapping[TopicPartition, int]]]


class OffsetWentBackError(RuntimeError):
    """A committed offset is lower than one that this process has committed: some inputs would be answered twice."""


class UnownedInputError(RuntimeError):
    """An input came for a partition that is assigned but has no lane. It must not be skipped, so the worker ends."""


class Lanes:
    """Keeps one lane per assigned input partition.

    A generation goes through ``expect`` (partitions are assigned), ``open`` (fence former owners, read the committed
    offsets, take inputs) and ``drain`` (partitions are revoked). Inputs of another generation are dropped: the next
    owner reads them again.

    Args:
        parts: What the lanes share.
        new_transactor: Makes the transactor for a member of the group and its partitions.
    """

    def __init__(
        self, parts: LaneParts, new_transactor: Callable[[GroupMember, Collection[TopicPartition]], Transactor]
    ) -> None:
        self._parts = parts
        self._new_transactor = new_transactor
        self._services: dict[str, Service] = {}
        self._lanes: dict[TopicPartition, Lane] = {}
        self._unfinished: dict[TopicPartition, RecordingJob[Any]] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committer: Committer | None = None
        self._expected: GroupMember | None = None
        self._opened: GroupMember | None = None
        self._closed = False
        self._lock = asyncio.Lock()

    def serve(
        self, topic: str, processor: Processor[Any] | None, recordings: RecordingProcessor[Any] | None = None
    ) -> None:
        """Process an input topic; call it once per topic, before the worker starts.

        Args:
            topic: Full name.
            processor: Processes live records; None where every input is a recording.
            recordings: Processes recordings; None where there are none.
        """
        self._services[topic] = Service(processor, recordings)

    def serves(self, topic: str) -> bool:
        """Whether a topic's partitions have lanes."""
        return topic in self._services

    @property
    def assigned(self) -> bool:
        """Whether the group has assigned partitions to the worker, even if none."""
        return self._expected is not None

    @property
    def ready(self) -> bool:
        """Whether the lanes of all assigned partitions are open; true also where none are assigned."""
        return self._expected is not None and self._opened == self._expected

    def __iter__(self) -> Iterator[tuple[TopicPartition, Lane]]:
        return iter(self._lanes.items())

    def owns(self, tp: TopicPartition) -> bool:
        """Whether this worker has the lane of a partition."""
        return tp in self._lanes

    @property
    def held(self) -> Collection[TopicPartition]:
        """Partitions that should not be read now, because their inputs wait for a recording."""
        return [tp for tp, lane in self._lanes.items() if lane.holds]

    def depth(self, tp: TopicPartition) -> int:
        """Inputs taken and not yet committed; 0 for a partition of another worker."""
        lane = self._lanes.get(tp)
        return 0 if lane is None else lane.depth

    def expect(self, member: GroupMember) -> None:
        """Note that partitions are assigned to the worker, which the group knows as ``member`` in this generation."""
        if not self._closed:
            self._expected = member

    async def open(self, tps: Collection[TopicPartition], begin: Begin) -> None:
        """Open the lanes of the expected generation; does nothing when they are open, or none is expected.

        The first transaction commits the offsets unchanged, with the worker's name beside them. From that name, the
        next owner of a partition knows whose transaction may still be open.

        Args:
            tps: The assigned input partitions.
            begin: Takes the committed offsets, returns the first offset to read in each partition, and makes the
                consumer read from there. The committed offsets are read after the fencing: an offset that was read
                earlier may be too low once the former owner's last transaction is committed.

        Raises:
            OffsetBeyondLogError: When an offset is beyond the end of its log.
            OffsetWentBackError: When an offset is lower than one that this process has committed.
        """
        async with self._lock:
            member = self._expected
            if member is None or member == self._opened:
                return
            transactor = self._new_transactor(member, tps)
            try:
                committed = await transactor.start()
                self._check(tps, committed)
                offsets = await _begin(transactor, begin, committed)
                if claims := [Batch(tp, (), offset) for tp, offset in offsets.items() if offset]:
                    await transactor.commit(claims)
            except BaseException:
                await asyncio.shield(_stop(transactor))
                raise
            if member != self._expected:  # revoked meanwhile
                await _stop(transactor)
                return
            self._committer = Committer(transactor, self._parts)
            self._lanes = {
                tp: Lane(
                    tp,
                    self._services[tp.topic],
                    generation=member.generation,
                    position=offsets[tp],
                    parts=self._parts,
                    on_finished=self._committer.finished,
                    unfinished=self._unfinished.pop(tp, None),
                )
                for tp in tps
            }
            self._cancel_unfinished()
            self._committer.start(self._lanes.values())
            self._opened = member
            self._parts.metrics.rebalances.inc()
            begins = [f"{tp.topic}-{tp.partition}:{offset}" for tp, offset in sorted(offsets.items())]
            log.info("lanes_opened", generation=member.generation, positions=begins)

    def expired(self, tp: TopicPartition, first: int, position: int) -> None:
        """Count and log that inputs of a partition expired unread, from offset ``first`` to before ``position``."""
        self._parts.metrics.expired_records.labels(*tp).inc(position - first)
        log.warning("inputs_expired", topic=tp.topic, partition=tp.partition, from_offset=first, to_offset=position)

    def reset_to_log_start(self, tp: TopicPartition, committed: int, beginning: int) -> None:
        """Count and log that a partition starts at its log's start: its committed offset is beyond the log's end."""
        self._parts.metrics.reset_to_log_start.labels(*tp).inc()
        log.error("offset_beyond_log", topic=tp.topic, partition=tp.partition, committed=committed, begins=beginning)

    def announce(self, tp: TopicPartition, offset: int, generation: int) -> None:
        """Tell a lane which input comes next; call it in the order of reading."""
        lane = self._lanes.get(tp)
        if lane is not None:
            lane.announce(offset, generation)

    async def submit(self, record: InputRecord, generation: int) -> None:
        """Hand an input to its lane; returns once the lane has taken or refused it.

        Raises:
            SkippedInputError: When an input that was announced earlier has not come.
            UnownedInputError: When the partition is assigned in this generation but has no lane.
        """
        lane = self._lanes.get(TopicPartition(record.position.topic, record.position.partition))
        if lane is not None:
            await lane.submit(record, generation)
        elif self._expected is not None and generation == self._expected.generation:
            raise UnownedInputError(f"no lane for {record.position} in generation {generation}")

    async def drain(self) -> None:
        """Commit all inputs that the lanes have taken and give up the partitions, within ``DRAIN_TIMEOUT`` seconds."""
        self._expected = None
        async with self._lock:
            self._opened = None
            lanes, self._lanes = self._lanes, {}
            committer, self._committer = self._committer, None
            if committer is None:
                return
            drain = asyncio.create_task(committer.drain())
            await asyncio.wait([drain], timeout=DRAIN_TIMEOUT)
            if not drain.done():
                log.warning("lanes_discarded", depth=sum(lane.depth for lane in lanes.values()))
                drain.cancel()
                await committer.discard()
            elif (error := drain.exception()) is not None:  # everything is committed; the next start fences it
                log.warning("producer_did_not_stop", reason=repr(error))
            self._committed.update((tp, lane.committed) for tp, lane in lanes.items())
            self._unfinished.update((tp, lane.unfinished) for tp, lane in lanes.items() if lane.unfinished is not None)
            log.info("lanes_drained", partitions=[f"{tp.topic}-{tp.partition}" for tp in sorted(lanes)])

    def _cancel_unfinished(self) -> None:
        """Cancel the recordings of partitions that went to other workers."""
        for job in self._unfinished.values():
            job.control.cancel()
        self._unfinished.clear()

    def _check(self, tps: Collection[TopicPartition], committed: Committed) -> None:
        """Compare the committed offsets with those that this process has committed in earlier generations.

        They come from a coordinator that knows every commit. A lower offset means that the brokers have lost
        acknowledged commits, or that somebody has reset the offset while the worker was not in its group.
        """
        for tp in tps:
            offset = committed[tp].offset if tp in committed else 0
            if offset < (known := self._committed.get(tp, 0)):
                raise OffsetWentBackError(
                    f"the committed offset of {tp.topic}-{tp.partition} went back from {known} to {offset}; the"
                    " records between are answered already. The next start goes on from there: right if it was reset on"
                    " purpose; if not, the brokers have lost committed offsets"
                )

    async def close(self) -> None:
        """Drain, and open no lanes for later assignments."""
        self._closed = True
        await self.drain()
        self._cancel_unfinished()


async def _begin(transactor: Transactor, begin: Begin, committed: Committed) -> Mapping[TopicPartition, int]:
    """Find where the partitions start; marks an offset beyond its log's end, so that no later worker trusts it."""
    try:
        return await begin(committed)
    except OffsetBeyondLogError as error:
        await transactor.commit([Batch(tp, (), offset, mark=BEYOND_LOG) for tp, offset in error.offsets.items()])
        raise


async def _stop(transactor: Transactor) -> None:
    with contextlib.suppress(Exception):  # the next start fences it
        await transactor.stop()
