"""Collects the observations of a round that the judgement needs."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from tests.chaos.judgement import Observations
from tests.chaos.object_stores import BenchStores
from tests.chaos.opening import Opener
from tests.chaos.oracle import Oracle
from tests.chaos.reading import OpenTransactions, Reading, committed_offsets, read
from tests.chaos.records import (
    CACHE_CHANGELOG,
    COMPRESSED,
    DEAD_LETTER,
    KEYS,
    PARTITIONS,
    RAW,
    ObservedRecord,
    Place,
    SentInput,
)
from tests.chaos.seals import Seals, Unsealed, objects_in_clear
from tests.chaos.workload import POLICIES, HotelPolicy

_CLOSED_WITHIN_S = 10.0
_COMMITTED_WITHIN_S = 5.0
_LOOK_S = 0.2


class Observer:
    """Reads the topics from the end of the previous round.

    Args:
        servers: The cluster.
        prefix: Put before every topic's name.
        group: The workers' consumer group.
        policies: The hotels' policies as published.
        partitions: Number of partitions of each topic.
        stores: Where results lie that are references; None without any.
        opener: Opens what the workers seal; None if they seal nothing.
    """

    def __init__(
        self,
        servers: str,
        prefix: str,
        group: str,
        policies: Mapping[str, HotelPolicy] = POLICIES,
        partitions: int = PARTITIONS,
        *,
        stores: BenchStores | None = None,
        opener: Opener | None = None,
    ) -> None:
        self._servers = servers
        self._raw = f"{prefix}{RAW}"
        self._outputs = (f"{prefix}{COMPRESSED}", f"{prefix}{DEAD_LETTER}")
        self._changelog = f"{prefix}{group}-{CACHE_CHANGELOG}"
        self._group = group
        self._policies = policies
        self._partitions = partitions
        self._stores = stores
        self._keys = f"{prefix}{KEYS}"
        self._seals = None if opener is None else Seals(opener, self._filled)
        self._read_to: dict[TopicPartition, int] = {}
        self._ever_sent: dict[Place, SentInput] = {}
        self._settled: dict[Place, int] = {}
        self._table: list[ObservedRecord] = []
        self._ends: dict[int, int] = {}

    async def observe(self, oracle: Oracle) -> tuple[Observations, int]:
        """Read all topics; also returns the number of aborted outcomes, which only ``read_uncommitted`` shows."""
        unstable = await self._unstable()
        log = await oracle.take_log()
        outcomes = await self._more(*self._outputs, committed=True, advance=False)
        everything = await self._more(*self._outputs, committed=False)
        unsealed = await self._unsealed(outcomes.records, everything.records)
        self._table += (await self._more(self._changelog, committed=False)).records
        self._ever_sent = {**self._ever_sent, **oracle.inputs(log)}
        # Markers of the senders' transactions may follow the last input; no worker commits past those.
        self._ends.update((one.partition, one.offset + 1) for one in log)
        seen = Observations(
            sent={place: sent for place, sent in self._ever_sent.items() if place not in self._settled},
            log=log,
            outcomes=unsealed.outcomes,
            ever_sent=self._ever_sent,
            settled=dict(self._settled),
            unstable=unstable,
            committed=await self._committed(),
            ends=dict(self._ends),
            table=list(self._table),
            policies=self._policies,
            seals=unsealed.problems,
        )
        for one in outcomes.records:
            if one.place is not None:
                self._settled[one.place] = self._settled.get(one.place, 0) + 1
        return seen, len(everything.records) - len(outcomes.records)

    async def all_committed(self, inputs: Iterable[Place]) -> bool:
        """Whether the group has committed past all of these inputs, so that none is read again."""
        try:
            found = await committed_offsets(self._servers, self._group, self._raw, self._partitions)
        except KafkaError:
            return False
        return all(found.get(place.partition, 0) > place.offset for place in inputs)

    async def _unsealed(self, outcomes: list[ObservedRecord], attempts: list[ObservedRecord]) -> Unsealed:
        """The outcomes as they would be in clear, with the objects that they refer to as their values."""
        if self._seals is None:
            return Unsealed([self._filled(one) for one in outcomes], ())
        keys = (await self._more(self._keys, committed=True)).records
        found = await asyncio.to_thread(self._seals.unsealed, keys, outcomes, attempts)
        objects = () if self._stores is None else objects_in_clear(self._stores.new_objects())
        return replace(found, problems=[*found.problems, *objects])

    def _filled(self, one: ObservedRecord) -> ObservedRecord:
        return one if self._stores is None else self._stores.filled(one)

    async def _more(self, *topics: str, committed: bool, advance: bool = True) -> Reading:
        found = await read(self._servers, topics, committed=committed, since=self._read_to, count=self._partitions)
        if advance:
            self._read_to.update(found.ends)
        return found

    async def _unstable(self) -> Mapping[str, tuple[int, int]]:
        """Find partitions in which a transaction stays open, where ``read_committed`` consumers stop."""
        until = time.monotonic() + _CLOSED_WITHIN_S
        topics = self._outputs if self._seals is None else (*self._outputs, self._keys)
        async with OpenTransactions(self._servers, topics, self._partitions) as transactions:
            while (found := await transactions.look()) and time.monotonic() < until:
                await asyncio.sleep(_LOOK_S)
        return {f"{partition.topic}-{partition.partition}": ends for partition, ends in found.items()}

    async def _committed(self) -> Mapping[int, int]:
        until = time.monotonic() + _COMMITTED_WITHIN_S
        while True:
            found = await committed_offsets(self._servers, self._group, self._raw, self._partitions)
            if all(found.get(partition) == end for partition, end in self._ends.items()) or time.monotonic() > until:
                return found
            await asyncio.sleep(_LOOK_S)
