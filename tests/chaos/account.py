"""The ledger for tests of one worker or a few: send, collect, judge, all from the topics' beginning."""

import asyncio
from collections.abc import Sequence

from tests.chaos.judgement import Observations, judge
from tests.chaos.observing import Observer
from tests.chaos.oracle import Oracle
from tests.chaos.reading import Follower
from tests.chaos.records import COMPRESSED, DEAD_LETTER, PARTITIONS, Planned, Seen
from tests.chaos.verdict import Problem

_SETTLE_S = 2.0


class _WholeLogOracle(Oracle):
    """A ledger that gives the whole log each time, for an observer that is new each time."""

    async def take_log(self) -> list[Seen]:
        """Give everything in ``audio.raw``."""
        await self.read_on()
        return list(self._log)


class Account:
    """What went in and what came out.

    Args:
        servers: The cluster.
        prefix: Put before every topic's name.
        group: The workers' consumer group.
        partitions: Of each topic, when the first input is sent.
    """

    def __init__(self, servers: str, prefix: str, group: str, partitions: int = PARTITIONS) -> None:
        self._servers = servers
        self._prefix = prefix
        self._group = group
        self._oracle = _WholeLogOracle(servers, prefix, partitions)
        self._seen: Observations | None = None

    async def send(self, plan: Sequence[Planned], *, per_second: float | None = None) -> None:
        """Send inputs, so many each second or as fast as the brokers take them; see `Oracle.send`."""
        await self._oracle.send(plan, [number / per_second for number in range(len(plan))] if per_second else None)

    def grown(self, partitions: int) -> None:
        """Send what follows to so many partitions, and look at as many."""
        self._oracle.partitions = partitions

    async def collect(self, within: float, *, last: bool = True) -> None:
        """Wait until each input has an outcome, then a little longer for doubled ones, and look at everything.

        Args:
            within: Seconds after which it stops waiting for missing ones.
            last: Whether this is the last look; before it, doubled ones need no wait, as each look sees everything.
        """
        async with Follower(self._servers, self._prefix, self._oracle.partitions) as follower:
            await follower.wait_for(self._oracle.awaited, within)
        if last:
            await asyncio.sleep(_SETTLE_S)
        observer = Observer(self._servers, self._prefix, self._group, policies={}, partitions=self._oracle.partitions)
        self._seen, _ = await observer.observe(self._oracle)

    @property
    def results(self) -> list[Seen]:
        """What was collected of ``audio.compressed``."""
        return self._collected(COMPRESSED)

    @property
    def dead_letters(self) -> list[Seen]:
        """What was collected of ``audio.dead-letter``."""
        return self._collected(DEAD_LETTER)

    def problems(self) -> list[Problem]:
        """Everything that is not as it has to be; only after ``collect``."""
        assert self._seen is not None
        return judge(self._seen)

    def _collected(self, topic: str) -> list[Seen]:
        assert self._seen is not None
        return [one for one in self._seen.outcomes if one.topic.endswith(topic)]
