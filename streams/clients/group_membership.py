"""A consumer's place in its group: where it starts, and what it commits."""

import asyncio
import contextlib
import time
from collections.abc import Collection

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streams.clients.handled import Commit, Progress
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer

_COMMIT_SECONDS = 1.0
#: Metadata of the first commit of a partition, with the number of partitions that the topic had then.
_STARTED = "started/"


class GroupMembership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Commits what is handled, and sets where new partitions start.

    Where nothing was committed for a partition, the start is committed at once: what arrives while no consumer runs is
    read later. A group that is new starts where ``from_beginning`` says. For a group that has read before, partitions
    without a commit were added to the topic since, and are read from their beginning.

    Args:
        consumer: The consumer.
        topic: Full name of its topic.
        group_id: Its group.
        from_beginning: Whether a new group starts at the oldest result.
        auto_commit: Whether to commit before partitions are given away.

    Attributes:
        generation: Grows whenever partitions are given away: what was read before will be read again.
    """

    def __init__(
        self, consumer: TolerantConsumer, topic: str, group_id: str, *, from_beginning: bool, auto_commit: bool
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._group_id = group_id
        self._from_beginning = from_beginning
        self._auto_commit = auto_commit
        self._progress: Progress | None = None
        self._sent: dict[int, Commit] = {}
        self._sent_at = 0.0
        self.generation = 0
        self._ready = asyncio.Event()
        self._failure: KafkaError | None = None

    @property
    def is_ready(self) -> bool:
        """Whether partitions are assigned and their positions are set; what is read otherwise will be read again.

        Raises:
            KafkaError: If they cannot be set.
        """
        if self._failure is not None:
            raise self._failure
        return self._ready.is_set()

    async def wait_until_ready(self) -> bool:
        """Wait for the first assignment, and return `is_ready`."""
        await self._ready.wait()
        return self.is_ready

    def follow(self, progress: Progress) -> None:
        """Commit what this is told to be handled."""
        self._progress = progress
        for partition, commit in self._sent.items():
            progress.resume(partition, commit)

    async def commit_sometimes(self) -> None:
        """Commit what is handled, unless that was done within the last second."""
        if time.monotonic() - self._sent_at >= _COMMIT_SECONDS:
            # Otherwise their next owner reads it again.
            with contextlib.suppress(CommitFailedError):
                await self.commit()
            self._sent_at = time.monotonic()

    async def commit(self) -> None:
        """Commit what is handled.

        Raises:
            KafkaError: If that is not possible; `CommitFailedError` if the group has given the partitions to another
                consumer.
        """
        if self._progress is None:
            return
        commits = self._progress.commits()
        new = {number: one for number, one in commits.items() if self._sent.get(number) != one}
        if not new:
            return
        try:
            await self._send(new)
        except IllegalStateError as error:  # they are not assigned any more
            raise CommitFailedError(str(error)) from error

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002 - always all
        """Commit a last time, as aiokafka calls this before the partitions are given away."""
        self._ready.clear()
        self.generation += 1
        if self._auto_commit:
            with contextlib.suppress(KafkaError, TimeoutError):  # the next owner reads it again
                async with asyncio.timeout(_COMMIT_SECONDS):
                    await self.commit()
        self._sent.clear()
        if self._progress is not None:
            self._progress.forget()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Take up the group's commits, and start partitions that have none."""
        try:
            await self._take_up(assigned)
            self._failure = None
        except KafkaError as error:  # aiokafka would log it, and read on from anywhere
            self._failure = error
        finally:
            self._ready.set()

    async def _take_up(self, assigned: Collection[TopicPartition]) -> None:
        known = self._consumer.partitions_for_topic(self._topic) or ()
        every = [TopicPartition(self._topic, number) for number in known]
        # The client has no public method for the metadata of commits.
        found = await fetch_last_committed(self._consumer._client, self._group_id, every)  # noqa: SLF001
        committed = {place.partition: Commit(one.offset, one.metadata) for place, one in found.items()}
        await self._start([one for one in assigned if one.partition not in committed], committed, len(every))
        for place in assigned:
            if place.partition in committed:
                self._sent[place.partition] = committed[place.partition]
                self._consumer.seek(place, committed[place.partition].offset)
        if self._progress is not None:
            self.follow(self._progress)

    async def _start(
        self, places: Collection[TopicPartition], committed: dict[int, Commit], partition_count: int
    ) -> None:
        if not places:
            return
        begins = await self._consumer.beginning_offsets(list(places))
        ends = await self._consumer.end_offsets(list(places))
        starts = {
            place: begins[place] if self._from_beginning or is_added(place.partition, committed) else ends[place]
            for place in places
        }
        for place, offset in starts.items():
            self._consumer.seek(place, offset)
        text = f"{_STARTED}{partition_count}"
        with contextlib.suppress(CommitFailedError):  # the next rebalance has begun
            await self._send({place.partition: Commit(offset, text) for place, offset in starts.items()})

    async def _send(self, commits: dict[int, Commit]) -> None:
        await self._consumer.commit(
            {TopicPartition(self._topic, number): tuple(one) for number, one in commits.items()}
        )
        self._sent.update(commits)


def is_added(partition: int, committed: dict[int, Commit]) -> bool:
    """Whether a partition without a commit was added to the topic after the group had started."""
    if not committed:
        return False
    started = [one.metadata for one in committed.values()]
    if all(text.startswith(_STARTED) for text in started):  # a new group, of which another consumer was faster
        return partition >= max(int(text.removeprefix(_STARTED)) for text in started)
    return True
