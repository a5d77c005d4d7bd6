"""The oracle for tests of a few workers: sends inputs, collects outcomes from the topics' beginning, judges them."""

import asyncio
from collections.abc import Sequence

from tests.chaos.judgement import Observations, judge
from tests.chaos.observer import Observer
from tests.chaos.oracle import Oracle
from tests.chaos.reading import Follower
from tests.chaos.records import COMPRESSED, DEAD_LETTER, PARTITIONS, ObservedRecord, Place, PlannedInput
from tests.chaos.verdict import Problem

_SETTLE_S = 2.0


class _WholeLogOracle(Oracle):
    """An oracle that returns the whole log on each call, for an observer that is new on each call."""

    async def take_log(self) -> list[ObservedRecord]:
        """Return everything in ``audio.raw``."""
        await self.read_on()
        return list(self._log)


class DeliveryOracle:
    """Sends inputs, collects their outcomes, and compares the two.

    Args:
        servers: The cluster.
        prefix: Put before every topic's name.
        group: The workers' consumer group.
        partitions: Number of partitions of each topic when the first input is sent.
    """

    def __init__(self, servers: str, prefix: str, group: str, partitions: int = PARTITIONS) -> None:
        self._servers = servers
        self._prefix = prefix
        self._group = group
        self._oracle = _WholeLogOracle(servers, prefix, partitions)
        self._seen: Observations | None = None

    async def send(self, plan: Sequence[PlannedInput], *, per_second: float | None = None) -> None:
        """Send inputs at a rate per second, or as fast as the brokers take them; see `Oracle.send`."""
        await self._oracle.send(plan, [number / per_second for number in range(len(plan))] if per_second else None)

    def grown(self, partitions: int) -> None:
        """Use this number of partitions for later inputs and observations."""
        self._oracle.partitions = partitions

    async def collect(self, within: float, *, last: bool = True) -> None:
        """Wait until each input has an outcome, then a little longer for duplicates, and read all topics.

        Args:
            within: Seconds after which it stops waiting for missing outcomes.
            last: Whether this is the last collection; earlier ones need not wait for duplicates.
        """
        async with Follower(self._servers, self._prefix, self._oracle.partitions) as follower:
            await follower.wait_for(self._oracle.awaited, within)
        if last:
            await asyncio.sleep(_SETTLE_S)
        observer = Observer(self._servers, self._prefix, self._group, policies={}, partitions=self._oracle.partitions)
        self._seen, _ = await observer.observe(self._oracle)

    @property
    def results(self) -> list[ObservedRecord]:
        """The collected records of ``audio.compressed``."""
        return self._collected(COMPRESSED)

    @property
    def dead_letters(self) -> list[ObservedRecord]:
        """The collected records of ``audio.dead-letter``."""
        return self._collected(DEAD_LETTER)

    def longest_wait(self, since: float) -> float:
        """Longest time in seconds that a collected input had to wait for its outcome, by the brokers' append times.

        Args:
            since: Counts inputs from this time on, in seconds since the epoch.
        """
        assert self._seen is not None
        appended = {Place(one.partition, one.offset): one.timestamp for one in self._seen.log}
        outcomes = {one.place: one.timestamp for one in self._seen.outcomes}
        waits = [outcomes[place] - at for place, at in appended.items() if at >= since * 1000 and place in outcomes]
        return max(waits) / 1000

    def problems(self) -> list[Problem]:
        """All deviations from the guarantee; only after ``collect``."""
        assert self._seen is not None
        return judge(self._seen)

    def _collected(self, topic: str) -> list[ObservedRecord]:
        assert self._seen is not None
        return [one for one in self._seen.outcomes if one.topic.endswith(topic)]
