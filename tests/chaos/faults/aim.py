"""Strikes workers at a moment that lasts milliseconds: they are frozen, looked at, and thawed for another try."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Self

from aiokafka.errors import KafkaError

from tests.chaos.reading import OpenTransactions, committed_offsets
from tests.chaos.records import COMPRESSED, DEAD_LETTER, OFFSETS, RAW
from tests.chaos.scene import Scene
from tests.chaos.workers import Worker
from tests.chaos.workload import burst

#: Of the faults that can aim, so many do; the others strike at any moment.
_AIMED_SHARE = 0.75
#: All tries together; far below the group's session timeout.
_WITHIN_S = 3.0
#: Seconds that workers run between two tries.
_RUN_S = (0.002, 0.03)
#: What is still so after this time will stay: all that a worker had sent before it froze has been done by then.
_STAYS_S = 0.1
#: Seconds after which a worker has an input that was sent: it waits at the brokers for more.
_TAKEN_S = 0.02
#: Work for the time of the tries: how many inputs at once, how often at most, and seconds between.
_BURST, _BURSTS, _PAUSE_S = 16, 25, 0.1

#: Tells, of workers that were just frozen, whether that was the moment.
Moment = Callable[[Scene, OpenTransactions], Awaitable[bool]]
_Where = set[tuple[str, int, int]]


async def outcomes_in_a_transaction(scene: Scene, transactions: OpenTransactions) -> bool:
    """A transaction stays open in which there are outcomes."""
    return await _stays(lambda: _open(transactions, scene.topic(COMPRESSED), scene.topic(DEAD_LETTER)))


async def offsets_in_a_transaction(scene: Scene, transactions: OpenTransactions) -> bool:
    """A transaction stays open in which there are offsets: what was to be written before them has been written."""
    del scene
    return await _stays(lambda: _open(transactions, OFFSETS))


async def between_transactions(scene: Scene, transactions: OpenTransactions) -> bool:
    """Inputs stay undone, and no transaction open: there is work in hand, and nothing that others would wait for."""
    sent_before = time.monotonic() - _TAKEN_S
    before = await _open(transactions)
    return await _stays(lambda: _undone(scene, sent_before)) and not before & await _open(transactions)


class Aim:
    """Freezes workers at a certain moment.

    Args:
        chance: Draws when to try, and the work that workers get meanwhile.
        moment: What to wait for.
    """

    def __init__(self, chance: Random, moment: Moment) -> None:
        self._chance = chance
        self._moment = moment
        self._bursts = [burst(_BURST, chance) for _ in range(_BURSTS)]

    @classmethod
    def perhaps(cls, chance: Random, *moments: Moment) -> Self | None:
        """An aim at one of these moments, or None for a fault that is to strike at any: chance decides."""
        return cls(chance, chance.choice(moments)) if chance.random() < _AIMED_SHARE else None

    async def freeze(self, scene: Scene, victims: Sequence[Worker]) -> str:
        """Freeze workers, all at once; when the time for tries is over, they stay frozen as they are.

        Returns:
            What came of it, to be added to what was hit.
        """
        async with asyncio.TaskGroup() as tasks:
            injected = asyncio.Event()
            tasks.create_task(self._keep_busy(scene, injected))
            tries, hit = await self._try(scene, victims)
            injected.set()
        return f", {'' if hit else 'not '}{self._moment.__name__.replace('_', ' ')} (tries: {tries})"

    async def _keep_busy(self, scene: Scene, injected: asyncio.Event) -> None:
        for inputs in self._bursts:
            if injected.is_set():
                return
            await scene.oracle.send(inputs)
            await asyncio.sleep(_PAUSE_S)

    async def _try(self, scene: Scene, victims: Sequence[Worker]) -> tuple[int, bool]:
        servers, topics = scene.cluster.bootstrap_servers, (scene.topic(COMPRESSED), scene.topic(DEAD_LETTER), OFFSETS)
        tries = 0
        with contextlib.suppress(KafkaError, TimeoutError, OSError):  # brokers may be down as well
            async with asyncio.timeout(_WITHIN_S), OpenTransactions(servers, topics) as transactions:
                while True:
                    tries += 1
                    _signal(victims, signal.SIGSTOP)
                    if await self._moment(scene, transactions):
                        return tries, True
                    _signal(victims, signal.SIGCONT)
                    await asyncio.sleep(self._chance.uniform(*_RUN_S))
        _signal(victims, signal.SIGSTOP)
        return tries, False


async def _stays(look: Callable[[], Awaitable[_Where]]) -> bool:
    before = await look()
    if not before:
        return False
    await asyncio.sleep(_STAYS_S)
    return bool(before & await look())


async def _open(transactions: OpenTransactions, *topics: str) -> _Where:
    """Where transactions begin that are open, in these topics or anywhere."""
    found = await transactions.look()
    return {(*where, stable) for where, (stable, _) in found.items() if not topics or where.topic in topics}


async def _undone(scene: Scene, sent_before: float) -> _Where:
    """Where the inputs begin that have no outcome, of those sent before a moment (monotonic seconds)."""
    topic = scene.topic(RAW)
    acknowledged = sorted(scene.oracle.acknowledged.items(), key=lambda pair: pair[0])
    sent = {place.partition: place.offset for place, one in acknowledged if one.at < sent_before}
    done = await committed_offsets(scene.cluster.bootstrap_servers, scene.group, topic)
    first = {partition: done.get(partition, 0) for partition in sent}
    return {(topic, partition, first[partition]) for partition, last in sent.items() if first[partition] <= last}


def _signal(workers: Sequence[Worker], number: signal.Signals) -> None:
    for worker in workers:
        worker.signal(number)
