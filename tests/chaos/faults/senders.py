"""Faults of senders: decompression bombs, duplicates, and unusual records."""

import asyncio
from random import Random

from tests.chaos.faults.base import Fault
from tests.chaos.foreign import CLIENTS
from tests.chaos.odd_inputs import batch_with_bad_name, odd_calls
from tests.chaos.records import PARTITIONS
from tests.chaos.scene import Scene
from tests.chaos.workload import bombs, single

_BOMBS = 4
_CARELESS = 24
_CLIENTS, _FOREIGN = 3, 16
_ODD_BATCHES = 6
#: Inputs that a careless sender sends: the first half opens its connections, then they become slow.
_SECOND_HALF_AT_S = 1.5
#: Seconds of delay each way, and until connections break: inputs have arrived by then, acknowledgements have not.
_WAY_S, _BREAKS_AFTER_S = 0.4, 0.6


class BombClips(Fault):
    """Several files at once that would take all memory when decoded."""

    name = "bomb-clips"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._bombs = bombs(_BOMBS, chance)

    async def inject(self, scene: Scene) -> None:
        self.what = f"{len(self._bombs)} files"
        await scene.oracle.send(self._bombs)


class CarelessSender(Fault):
    """A producer without idempotence loses its connections before the acknowledgements, and sends again."""

    name = "sender-without-idempotence"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._inputs = single(_CARELESS, chance)

    async def inject(self, scene: Scene) -> None:
        self.what = f"{len(self._inputs)} inputs"
        links = scene.cluster.links_of(scene.cluster.sender)
        due = [0.0 if n < _CARELESS / 2 else _SECOND_HALF_AT_S for n in range(_CARELESS)]
        servers = scene.cluster.servers_of(scene.cluster.sender)
        sending = asyncio.create_task(scene.oracle.send(self._inputs, due, servers=servers, idempotent=False))
        await asyncio.sleep(_SECOND_HALF_AT_S - _WAY_S / 2)
        for link in links:
            link.delay = _WAY_S
        await asyncio.sleep(_WAY_S / 2 + _BREAKS_AFTER_S)
        for link in links:
            link.reset()
            link.restore()
        await sending


class ForeignSenders(Fault):
    """Third-party clients send inputs with unusual contents and times, in every codec, with two partitioners."""

    name = "foreign-senders"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._inputs = {name: odd_calls(_FOREIGN, chance) for name in chance.sample(sorted(CLIENTS), _CLIENTS)}

    async def inject(self, scene: Scene) -> None:
        self.what = "; ".join(self._inputs)
        await asyncio.gather(*(scene.oracle.send_by(CLIENTS[name], plan) for name, plan in self._inputs.items()))


class OddBatches(Fault):
    """Batches in which the name of one record's header is not UTF-8."""

    name = "odd-batches"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._batches = [(chance.randrange(PARTITIONS), *batch_with_bad_name(chance)) for _ in range(_ODD_BATCHES)]

    async def inject(self, scene: Scene) -> None:
        self.what = f"{len(self._batches)} batches"
        for partition, data, inputs in self._batches:
            await scene.oracle.append(data, partition, inputs)
