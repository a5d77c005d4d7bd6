"""Bugs in who may write, and from where."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.delivery import transactions
from streams.delivery.lanes import Lanes, Source
from streams.delivery.outcome import Output
from streams.delivery.transactions import PartitionProducer
from tests.chaos.planted.patch import Patch

_IMPATIENCE_S = 0.5
#: What brokers may take between two requests: time for a former owner to commit once more.
_SLOW_S = 0.2

Positions = Callable[[], Awaitable[Mapping[Source, int]]]


def seek_before_fencing(patch: Patch) -> None:
    """Read the committed offsets, then start the producers."""
    fence_and_open = Lanes.open

    async def open_(self: Lanes, sources: Collection[Source], positions: Positions) -> None:
        generation = self._expected
        if generation is None or generation == self._opened:
            return
        offsets = await positions()
        if generation != self._expected:  # revoked meanwhile
            return
        await asyncio.sleep(_SLOW_S)

        async def read_before() -> Mapping[Source, int]:
            return offsets

        await fence_and_open(self, sources, read_before)

    patch(Lanes, "open", open_)


def producer_id_per_process(patch: Patch) -> None:
    """Give every producer an id of its own instead of its partition's: nobody fences anybody."""
    make = PartitionProducer._new_producer

    def with_own_id(self: PartitionProducer) -> AIOKafkaProducer:
        group, self._group = self._group, f"{self._group}-{uuid.uuid4()}"
        try:
            return make(self)
        finally:
            self._group = group

    patch(PartitionProducer, "_new_producer", with_own_id)


def drop_the_lane_on_revoke(patch: Patch) -> None:
    """Throw lanes away when partitions are revoked; go on behind what they had taken where partitions come back."""
    fence_and_open = Lanes.open
    taken: dict[Source, int] = {}

    async def drop(self: Lanes) -> None:
        self._expected = self._opened = None
        dropped, self._lanes = self._lanes, {}
        for source, lane in dropped.items():
            taken[source] = lane._next
            await lane.discard()

    async def open_(self: Lanes, sources: Collection[Source], positions: Positions) -> None:
        async def where_we_stood() -> Mapping[Source, int]:
            return {source: max(offset, taken.get(source, 0)) for source, offset in (await positions()).items()}

        await fence_and_open(self, sources, where_we_stood)

    patch(Lanes, "drain", drop)
    patch(Lanes, "open", open_)


def retry_an_open_fate(patch: Patch) -> None:
    """Write a batch again, with a fresh producer, when its commit was not confirmed soon."""
    write = PartitionProducer.commit

    async def commit(self: PartitionProducer, outputs: Sequence[Output], next_offset: int) -> None:
        while True:
            try:
                await write(self, outputs, next_offset)
            except (KafkaError, TimeoutError):
                self._producer = None
                await self.start()
            else:
                return

    patch(transactions, "_COMMIT_TIMEOUT", _IMPATIENCE_S)
    patch(PartitionProducer, "commit", commit)
