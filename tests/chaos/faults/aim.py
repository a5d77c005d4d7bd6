"""Injects a fault in a state that lasts milliseconds: freezes workers, checks the state, resumes them to try again."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Self

from aiokafka.errors import KafkaError

from tests.chaos.reading import OpenTransactions, committed_offsets
from tests.chaos.records import COMPRESSED, DEAD_LETTER, KEYS, OFFSETS, RAW
from tests.chaos.scene import Scene
from tests.chaos.workers import Worker
from tests.chaos.workload import burst

#: Share of aimed faults among those that can be aimed; the others are injected at any moment.
_AIMED_SHARE = 0.75
#: Seconds for all tries together; far below the group's session timeout.
_WITHIN_S = 3.0
#: Seconds that workers run between two tries, from and to.
_RUN_S = (0.002, 0.03)
#: Seconds after which a state is stable: the brokers have processed all requests that were sent before the freeze.
_STAYS_S = 0.1
#: Seconds after which a worker has fetched an input that was sent.
_TAKEN_S = 0.02
#: Work during the tries: inputs per burst, bursts at most, and seconds between bursts.
_BURST, _BURSTS, _PAUSE_S = 16, 25, 0.1

#: Tells whether the frozen workers are in the wanted state.
Moment = Callable[[Scene, OpenTransactions], Awaitable[bool]]
_Where = set[tuple[str, int, int]]


async def outcomes_in_a_transaction(scene: Scene, transactions: OpenTransactions) -> bool:
    """A transaction with outcomes stays open."""
    return await _persists(lambda: _open(transactions, scene.topic(COMPRESSED), scene.topic(DEAD_LETTER)))


async def keys_in_a_transaction(scene: Scene, transactions: OpenTransactions) -> bool:
    """A transaction with new data keys stays open."""
    return await _persists(lambda: _open(transactions, scene.topic(KEYS)))


async def offsets_in_a_transaction(scene: Scene, transactions: OpenTransactions) -> bool:
    """A transaction with offsets stays open; its outcomes have been written."""
    del scene
    return await _persists(lambda: _open(transactions, OFFSETS))


async def between_transactions(scene: Scene, transactions: OpenTransactions) -> bool:
    """Inputs are in progress, and no transaction is open that a successor would wait for."""
    sent_before = time.monotonic() - _TAKEN_S
    before = await _open(transactions)
    return await _persists(lambda: _undone(scene, sent_before)) and not before & await _open(transactions)


class Aim:
    """Freezes workers in a certain state.

    Args:
        chance: Draws the times of the tries, and the inputs that are sent meanwhile.
        moment: The state to wait for.
    """

    def __init__(self, chance: Random, moment: Moment) -> None:
        self._chance = chance
        self._moment = moment
        self._bursts = [burst(_BURST, chance) for _ in range(_BURSTS)]

    @classmethod
    def by_chance(cls, chance: Random, *moments: Moment) -> Self | None:
        """An aim at one of these states, or None for an unaimed fault; chance decides."""
        return cls(chance, chance.choice(moments)) if chance.random() < _AIMED_SHARE else None

    async def freeze(self, scene: Scene, victims: Sequence[Worker]) -> str:
        """Freeze workers, all at once; when no try succeeds in time, they stay frozen in their last state.

        Returns:
            What to add to the fault's description: the state, whether it was hit, and the number of tries.
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
        servers = scene.cluster.bootstrap_servers
        topics = (*(scene.topic(name) for name in (COMPRESSED, DEAD_LETTER, KEYS)), OFFSETS)
        tries = 0
        with contextlib.suppress(KafkaError, TimeoutError, OSError):  # brokers may be down too
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


async def _persists(look: Callable[[], Awaitable[_Where]]) -> bool:
    before = await look()
    if not before:
        return False
    await asyncio.sleep(_STAYS_S)
    return bool(before & await look())


async def _open(transactions: OpenTransactions, *topics: str) -> _Where:
    """Begins of open transactions, in these topics or in all."""
    found = await transactions.look()
    return {(*where, stable) for where, (stable, _) in found.items() if not topics or where.topic in topics}


async def _undone(scene: Scene, sent_before: float) -> _Where:
    """Begins of the unprocessed inputs that were sent before a time (monotonic seconds)."""
    topic = scene.topic(RAW)
    acknowledged = sorted(scene.oracle.acknowledged.items(), key=lambda pair: pair[0])
    sent = {place.partition: place.offset for place, one in acknowledged if one.at < sent_before}
    done = await committed_offsets(scene.cluster.bootstrap_servers, scene.group, topic)
    first = {partition: done.get(partition, 0) for partition in sent}
    return {(topic, partition, first[partition]) for partition, last in sent.items() if first[partition] <= last}


def _signal(workers: Sequence[Worker], number: signal.Signals) -> None:
    for worker in workers:
        worker.signal(number)
