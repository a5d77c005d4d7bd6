"""Faults of connections between workers and brokers."""

from collections.abc import Sequence
from random import Random

from tests.chaos.faults.base import Fault
from tests.chaos.proxy import Link
from tests.chaos.scene import Scene


class LinkReset(Fault):
    """All connections of one worker to one broker are reset."""

    name = "network-reset"

    async def inject(self, scene: Scene) -> None:
        for link in self._links(scene):
            link.reset()

    def _links(self, scene: Scene) -> Sequence[Link]:
        """The proxies between one running worker and one broker."""
        found = [pair for pair in scene.cluster.links if pair[0] in scene.pool.running]
        worker, node = self._one_of(found)
        self.what = f"{scene.pool.workers[worker].name} to broker {node}"
        return [scene.cluster.links[worker, node]]


class LinkCut(LinkReset):
    """All packets between one worker and one broker are lost for some seconds."""

    name = "network-cut"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(2.0, 8.0)
        self._cut: Sequence[Link] = ()

    async def inject(self, scene: Scene) -> None:
        self._cut = self._links(scene)
        self.what += f" for {self.lasts:.1f} s"
        for link in self._cut:
            link.cut()

    async def heal(self, scene: Scene) -> None:
        for link in self._cut:
            link.restore()


class Isolation(LinkCut):
    """One worker reaches no broker for longer than its session; when it is back, others own its partitions."""

    name = "network-isolation"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(11.0, 14.0)

    def _links(self, scene: Scene) -> Sequence[Link]:
        worker = self._one_of(scene.pool.running)
        self.what = scene.pool.workers[worker].name
        return scene.cluster.links_of(worker)


class LinkDelay(LinkReset):
    """The connection between one worker and one broker becomes slow."""

    name = "network-delay"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(3.0, 6.0)
        self._delay = chance.uniform(0.05, 0.4)
        self._slow: Sequence[Link] = ()

    async def inject(self, scene: Scene) -> None:
        self._slow = self._links(scene)
        self.what += f" by {self._delay:.2f} s for {self.lasts:.1f} s"
        for link in self._slow:
            link.delay = self._delay

    async def heal(self, scene: Scene) -> None:
        for link in self._slow:
            link.restore()
