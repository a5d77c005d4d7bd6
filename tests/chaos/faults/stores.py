"""Faults of the object stores: killed, frozen, slow, full, and answers that are shorter than they say."""

from random import Random

from tests.chaos.errors import ChaosError
from tests.chaos.faults.base import Fault
from tests.chaos.object_stores import BenchStores
from tests.chaos.scene import Scene


class _StoreFault(Fault):
    """A fault of one instance or of all of them, for some seconds."""

    needs_stores = True

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(3.0, 8.0)
        self._all = chance.random() < 1 / 2

    def _victims(self, scene: Scene) -> list[int]:
        numbers = list(range(_stores(scene).instances))
        victims = numbers if self._all else [self._one_of(numbers)]
        self.what = f"{'all instances' if self._all else f'instance {victims[0]}'} for {self.lasts:.1f} s"
        return victims


class _ProxyFault(_StoreFault):
    """A fault of the proxies in front of the instances."""

    async def heal(self, scene: Scene) -> None:
        for proxy in _stores(scene).proxies:
            proxy.restore()


class StoreKill(_StoreFault):
    """Instances of the store are killed, and started again after some seconds."""

    name = "store-kill"

    async def inject(self, scene: Scene) -> None:
        self._killed = self._victims(scene)
        for one in self._killed:
            await _stores(scene).kill(one)

    async def heal(self, scene: Scene) -> None:
        for one in self._killed:
            await _stores(scene).bring_back(one)


class StoreFreeze(_StoreFault):
    """Instances of the store accept connections, and answer nothing."""

    name = "store-freeze"

    async def inject(self, scene: Scene) -> None:
        self._frozen = self._victims(scene)
        for one in self._frozen:
            _stores(scene).local.freeze(one)

    async def heal(self, scene: Scene) -> None:
        for one in self._frozen:
            _stores(scene).local.thaw(one)


class StoreSlow(_ProxyFault):
    """Every chunk to and from instances of the store takes longer."""

    name = "store-slow"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._delay = chance.uniform(0.2, 1.5)

    async def inject(self, scene: Scene) -> None:
        for one in self._victims(scene):
            _stores(scene).proxies[one].delay = self._delay
        self.what += f", by {self._delay:.2f} s"


class StoreFull(_ProxyFault):
    """Instances of the store refuse everything that would be written."""

    name = "store-full"

    async def inject(self, scene: Scene) -> None:
        for one in self._victims(scene):
            proxy = _stores(scene).proxies[one]
            proxy.full = True
            proxy.reset()


class StoreLies(_ProxyFault):
    """Answers of instances of the store end before the length that they say."""

    name = "store-lies"

    async def inject(self, scene: Scene) -> None:
        for one in self._victims(scene):
            _stores(scene).proxies[one].cut_short = True


def _stores(scene: Scene) -> BenchStores:
    if scene.stores is None:
        raise ChaosError("the bench has no object stores")
    return scene.stores
