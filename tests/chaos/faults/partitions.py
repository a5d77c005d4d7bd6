"""Faults of connections between brokers, while clients still reach all of them."""

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

#: Share of these faults that cut off the group's coordinator and lead a worker to it; the others cut off any broker.
_AIMED_SHARE = 0.75
_LASTS_S = (3.0, 9.0)
#: Seconds: the broker's session, an election of a controller before it, and a margin for a loaded machine.
_REPLACED_WITHIN_S = 20.0
_BURST = 60
#: Seconds in which the group commits with its new coordinator.
_GOES_ON_S = (1.5, 2.5)
_REJOINS_WITHIN_S = 15.0
#: Seconds for a worker to look for its coordinator, and seconds for which it reaches the stale one only.
_ASKS_WITHIN_S, _ALONE_S = 6.0, (0.5, 2.0)
#: Requests that the stale broker cannot serve, and those whose answers would tell the worker of the new coordinator.
_BEYOND_IT = (PRODUCE, HEARTBEAT, INIT_PRODUCER_ID, TXN_OFFSET_COMMIT, FIND_TRANSACTION_COORDINATOR)
#: Seconds after which a broker has processed all requests that reached it.
_DONE_S = 0.4


class BrokerCutFromPeers(Fault):
    """A broker is cut off from its peers; in most cases a worker then joins and reaches only this broker.

    The broker that is cut off was the coordinator of the workers' group. It is replaced without knowing it, and goes on
    answering with old offsets. A worker joins through the new coordinator, loses it just before it asks for
    offsets, and asks the old one.
    """

    name = "broker-cut-from-peers"
    reads_requests = True

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
                await self._mislead_worker(scene)
            else:
                await self._cut_off(scene)

    async def _cut_off(self, scene: Scene) -> None:
        node = self._one_of(scene.cluster.brokers.nodes)
        self.what = f"broker {node} for {self._lasts_s:.1f} s"
        self.injected_at = time.monotonic()
        try:
            scene.cluster.peers.cut_off(node)
            await asyncio.sleep(self._lasts_s)
        finally:
            scene.cluster.peers.restore()

    async def _mislead_worker(self, scene: Scene) -> None:
        node = await scene.group_coordinator()
        links = [scene.cluster.links[number, node] for number in scene.pool.workers]
        try:
            # Only heartbeats reach it: other requests would wait for its peers, and a request for offsets would wait
            # for those.
            for link in links:
                link.refuse_all_but(HEARTBEAT)
            await asyncio.sleep(_DONE_S)
            self.injected_at = time.monotonic()
            scene.cluster.peers.cut_off(node)
            replaced = await scene.wait_for_other_coordinator(node, _REPLACED_WITHIN_S)
            # A broker that is cut off confirms nothing before it is back: do not wait for it here.
            sending = asyncio.create_task(scene.oracle.send(self._burst))
            await asyncio.sleep(self._goes_on_s)
            self.what = f"broker {node}, {await self._redirect_worker(scene, node) if replaced else 'not replaced'}"
        finally:
            scene.cluster.peers.restore()
            for link in links:
                link.restore()
        await sending

    async def _redirect_worker(self, scene: Scene, node: int) -> str:
        """Restart a worker, and let it reach only one broker when it asks for offsets; returns a description."""
        number = self._one_of(scene.pool.running)
        name, to_it = scene.pool.workers[number].name, scene.cluster.links[number, node]
        to_others = [link for link in scene.cluster.links_of(number) if link is not to_it]

        def turn() -> None:
            for link in to_others:
                link.refuse(METADATA, *COORDINATION)
            to_it.refuse(*_BEYOND_IT)

        try:
            with scene.pool.kept_down(number):
                # The others take the broker for dead: a worker learns of it from that broker alone.
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
                link.restore()
        return f"{name} {'asked it' if asked else 'did not ask it'} for offsets"


async def _first(events: list[asyncio.Event], within: float) -> bool:
    """Wait for one of these events for at most ``within`` seconds; returns whether one was set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        return bool((await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED))[0])
    finally:
        for task in waiting:
            task.cancel()
