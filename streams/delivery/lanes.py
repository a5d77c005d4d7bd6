"""The lanes of a worker: opened when partitions are assigned, drained when they go."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

import structlog

from schemas.record import TopicPartition
from streams.delivery.committer import Committer
from streams.delivery.lane import Lane, LaneParts
from streams.delivery.outcome import InputRecord, Processor
from streams.delivery.start_offsets import OffsetBeyondLogError
from streams.delivery.transactions import BEYOND_LOG, Batch, Committed, Transactor
from streams.kafka.protocol.txn_offset_commit import GroupMember

log = structlog.get_logger(__name__)

#: Seconds that a drain may take; below the group's rebalance timeout, so that the worker stays a member meanwhile.
DRAIN_TIMEOUT = 20.0


#: Told the committed offsets, says where each partition begins.
Begin = Callable[[Committed], Awaitable[Mapping[TopicPartition, int]]]


class OffsetWentBackError(RuntimeError):
    """A committed offset is lower than what this process has committed: whoever went on from it would answer twice."""


class UnownedInputError(RuntimeError):
    """An input arrived for a partition that is assigned and has no lane. It must not be skipped: the worker ends."""


class Lanes:
    """Keeps one lane per assigned input partition.

    A generation goes through ``expect`` (partitions are assigned), ``open`` (fence, read the committed offsets, take
    inputs) and ``drain`` (partitions go). Whatever arrives outside of its own generation is dropped: it will be read
    again by the next owner.

    Args:
        parts: What the lanes share.
        new_transactor: Makes what commits for a member of the group and its partitions.
    """

    def __init__(
        self, parts: LaneParts, new_transactor: Callable[[GroupMember, Collection[TopicPartition]], Transactor]
    ) -> None:
        self._parts = parts
        self._new_transactor = new_transactor
        self._processors: dict[str, Processor] = {}
        self._lanes: dict[TopicPartition, Lane] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committer: Committer | None = None
        self._expected: GroupMember | None = None
        self._opened: GroupMember | None = None
        self._closed = False
        self._lock = asyncio.Lock()

    def serve(self, topic: str, processor: Processor) -> None:
        """Let ``processor`` handle an input topic; called once per topic before the worker starts."""
        self._processors[topic] = processor

    def serves(self, topic: str) -> bool:
        """Whether a topic's partitions have lanes."""
        return topic in self._processors

    @property
    def assigned(self) -> bool:
        """Whether the group has said which partitions are the worker's, be it none."""
        return self._expected is not None

    @property
    def ready(self) -> bool:
        """Whether the assigned partitions are open; a worker that was assigned none is ready as well."""
        return self._expected is not None and self._opened == self._expected

    def __iter__(self) -> Iterator[tuple[TopicPartition, Lane]]:
        return iter(self._lanes.items())

    def owns(self, tp: TopicPartition) -> bool:
        """Whether a partition's lane is open here."""
        return tp in self._lanes

    def depth(self, tp: TopicPartition) -> int:
        """Inputs taken and not yet committed; 0 for a partition of others."""
        lane = self._lanes.get(tp)
        return 0 if lane is None else lane.depth

    def expect(self, member: GroupMember) -> None:
        """Note that partitions are assigned, and to whom: the worker, as its group knows it in this generation."""
        if not self._closed:
            self._expected = member

    async def open(self, tps: Collection[TopicPartition], begin: Begin) -> None:
        """Open the lanes of the expected generation; does nothing when they are open, or none is expected.

        The first transaction commits the offsets as they are: from then on, they bear the worker's name, and whoever
        comes after it knows whose transaction may be open.

        Args:
            tps: The assigned input partitions.
            begin: Told their committed offsets, which are read after the fencing: an offset that was read before may
                be older than results which the former owner's transaction still brings out. Says where each partition
                begins, and lets the consumer read from there.

        Raises:
            OffsetBeyondLogError: When an offset is beyond the end of its log.
            OffsetWentBackError: When an offset is lower than what this process has committed itself.
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
                    self._processors[tp.topic],
                    generation=member.generation,
                    position=offsets[tp],
                    parts=self._parts,
                    on_finished=self._committer.finished,
                )
                for tp in tps
            }
            self._committer.start(self._lanes.values())
            self._opened = member
            self._parts.metrics.rebalances.inc()
            begins = [f"{tp.partition}:{offset}" for tp, offset in sorted(offsets.items())]
            log.info("lanes_opened", generation=member.generation, positions=begins)

    def expired(self, tp: TopicPartition, first: int, position: int) -> None:
        """Hear that unread inputs of a partition have expired: from an offset up to where it goes on."""
        self._parts.metrics.expired_records.labels(tp.partition).inc(position - first)
        log.warning("inputs_expired", topic=tp.topic, partition=tp.partition, from_offset=first, to_offset=position)

    def reset_to_log_start(self, tp: TopicPartition, committed: int, beginning: int) -> None:
        """Hear that a partition begins at its log's start, because its committed offset lies beyond the log's end."""
        self._parts.metrics.reset_to_log_start.labels(tp.partition).inc()
        log.error("offset_beyond_log", topic=tp.topic, partition=tp.partition, committed=committed, begins=beginning)

    def announce(self, tp: TopicPartition, offset: int, generation: int) -> None:
        """Tell a lane which input comes next; called in the order of reading."""
        lane = self._lanes.get(tp)
        if lane is not None:
            lane.announce(offset, generation)

    async def submit(self, record: InputRecord, generation: int, context: object) -> None:
        """Hand an input to its lane; returns once the lane has taken or refused it.

        Raises:
            SkippedInputError: When an input that was announced before has not come.
            UnownedInputError: When the partition is assigned in this generation but has no lane.
        """
        lane = self._lanes.get(TopicPartition(record.position.topic, record.position.partition))
        if lane is not None:
            await lane.submit(record, generation, context)
        elif self._expected is not None and generation == self._expected.generation:
            raise UnownedInputError(f"no lane for {record.position} in generation {generation}")

    async def drain(self) -> None:
        """Commit what the lanes took and let go of all partitions, within ``DRAIN_TIMEOUT`` seconds."""
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
            elif (error := drain.exception()) is not None:  # all is committed; the next start fences it
                log.warning("producer_did_not_stop", reason=repr(error))
            self._committed.update((tp, lane.committed) for tp, lane in lanes.items())
            log.info("lanes_drained", partitions=sorted(tp.partition for tp in lanes))

    def _check(self, tps: Collection[TopicPartition], committed: Committed) -> None:
        """Hold the committed offsets against what this process has committed in earlier generations.

        They come from a coordinator that knows all that was committed. If one went back nevertheless, the brokers have
        lost what they had acknowledged, or somebody has reset it while the worker was cut off from its group.
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
        """Drain for good: later assignments open nothing."""
        self._closed = True
        await self.drain()


async def _begin(transactor: Transactor, begin: Begin, committed: Committed) -> Mapping[TopicPartition, int]:
    """Let the partitions begin; an offset that is beyond its log is marked, so that no later life takes it for good."""
    try:
        return await begin(committed)
    except OffsetBeyondLogError as error:
        await transactor.commit([Batch(tp, (), offset, mark=BEYOND_LOG) for tp, offset in error.offsets.items()])
        raise


async def _stop(transactor: Transactor) -> None:
    with contextlib.suppress(Exception):  # the next start fences it
        await transactor.stop()
