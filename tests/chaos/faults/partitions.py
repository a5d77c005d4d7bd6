"""What happens when brokers lose each other, while their clients still reach them."""

import asyncio
import time
from random import Random

from tests.chaos.faults.base import Fault
from tests.chaos.requests import (
    COORDINATION,
    FIND_COORDINATOR,
    FIND_TRANSACTION_COORDINATOR,
    HEARTBEAT,
    INIT_PRODUCER_ID,
    METADATA,
    OFFSET_FETCH,
    PRODUCE,
    SYNC_GROUP,
    TXN_OFFSET_COMMIT,
)
from tests.chaos.scene import Scene
from tests.chaos.workload import burst

#: So many of these faults cut off the group's coordinator and lead a worker to it; the others any broker, for a time.
_AIMED_SHARE = 0.75
_LASTS_S = (3.0, 9.0)
#: The broker's session, an election of controllers before it where the active one was cut off, and a loaded machine.
_REPLACED_WITHIN_S = 20.0
_BURST = 60
#: Seconds in which the group commits further, with its new coordinator.
_GOES_ON_S = (1.5, 2.5)
_REJOINS_WITHIN_S = 15.0
#: Seconds for a worker that lost the coordinator to ask around, and that it then has the wrong one alone.
_ASKS_WITHIN_S, _ALONE_S = 6.0, (0.5, 2.0)
#: What the broker that was cut off cannot do, and the worker is to do elsewhere; and what would tell it the truth.
_BEYOND_IT = (PRODUCE, HEARTBEAT, INIT_PRODUCER_ID, TXN_OFFSET_COMMIT, FIND_TRANSACTION_COORDINATOR)
#: Seconds after which all that a broker was told is done.
_DONE_S = 0.4


class BrokerCutFromPeers(Fault):
    """A broker loses the other brokers, and in most cases a worker comes back that finds just this one.

    The one that is cut off was the coordinator of the workers' group, is replaced, and does not know it: it goes on
    answering with the offsets of that time. A worker joins through the new one, loses it just before it asks for
    offsets, and asks the old one.
    """

    name = "broker-cut-from-peers"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._aims = chance.random() < _AIMED_SHARE
        self._lasts_s = chance.uniform(*_LASTS_S)
        self._goes_on_s = chance.uniform(*_GOES_ON_S)
        self._burst = burst(_BURST, chance)
        self._alone_s = chance.uniform(*_ALONE_S)

    async def inject(self, scene: Scene) -> None:
        async with scene.cluster.peers.fault:
            if self._aims:
                await self._mislead(scene)
            else:
                await self._cut_off(scene)

    async def _cut_off(self, scene: Scene) -> None:
        node = self._one_of(scene.cluster.brokers.nodes)
        self.what = f"broker {node} for {self._lasts_s:.1f} s"
        self.struck_at = time.monotonic()
        try:
            scene.cluster.peers.cut_off(node)
            await asyncio.sleep(self._lasts_s)
        finally:
            scene.cluster.peers.mend()

    async def _mislead(self, scene: Scene) -> None:
        node = await scene.group_coordinator()
        links = [scene.cluster.links[number, node] for number in scene.pool.workers]
        try:
            # It hears no more than that its members live. What it had been told further would wait for its peers, and
            # whoever asks for offsets would wait for that.
            for link in links:
                link.refuse_all_but(HEARTBEAT)
            await asyncio.sleep(_DONE_S)
            self.struck_at = time.monotonic()
            scene.cluster.peers.cut_off(node)
            replaced = await scene.wait_for_coordinator_other_than(node, _REPLACED_WITHIN_S)
            # What goes to a broker that is cut off is not confirmed before it is back: nobody waits for that here.
            sending = asyncio.create_task(scene.oracle.send(self._burst))
            await asyncio.sleep(self._goes_on_s)
            self.what = f"broker {node}, {await self._turn_a_worker(scene, node) if replaced else 'not replaced'}"
        finally:
            scene.cluster.peers.mend()
            for link in links:
                link.mend()
        await sending

    async def _turn_a_worker(self, scene: Scene, node: int) -> str:
        """Start a worker again, and turn it to one broker when it asks for offsets; returns what came of it."""
        number = self._one_of(scene.pool.on_duty)
        name, to_it = scene.pool.workers[number].name, scene.cluster.links[number, node]
        to_others = [link for link in scene.cluster.links_of(number) if link is not to_it]

        def turn() -> None:
            for link in to_others:
                link.refuse(METADATA, *COORDINATION)
            to_it.refuse(*_BEYOND_IT)

        try:
            with scene.pool.held_down(number):
                # To the others the broker is gone: that it is there a worker hears from itself alone.
                to_it.refuse(FIND_COORDINATOR, *_BEYOND_IT)
                for link in to_others:
                    link.refuse(METADATA)
                turned = [link.watch(OFFSET_FETCH, after=SYNC_GROUP, then=turn) for link in to_others]
            if not await _first(turned, _REJOINS_WITHIN_S):
                return f"{name} did not come back"
            asked = await _first([to_it.watch(OFFSET_FETCH)], _ASKS_WITHIN_S)
            await asyncio.sleep(self._alone_s)
        finally:
            to_it.refuse()
            for link in to_others:
                link.mend()
        return f"{name} {'asked it' if asked else 'did not ask it'} for offsets"


async def _first(events: list[asyncio.Event], within: float) -> bool:
    """Wait until one of these is set, or ``within`` seconds are over; tells whether one was."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        return bool((await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED))[0])
    finally:
        for task in waiting:
            task.cancel()
