"""Faults of sealing: key stores that are missing, damaged or foreign, keys that cannot be read, kills with new keys."""

import asyncio
import contextlib
import signal
import time
from random import Random

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.chaos.errors import ChaosError
from tests.chaos.faults.aim import Aim, keys_in_a_transaction
from tests.chaos.faults.base import Fault
from tests.chaos.installation import WORKER_ACCOUNT
from tests.chaos.key_stores import FOREIGN, HARMS, BenchKeyStores
from tests.chaos.records import KEYS
from tests.chaos.scene import Scene
from tests.chaos.workload import burst

#: Seconds: more than those after which a worker does not trust what it knows of the keys any more.
_WITHOUT_S = (6.0, 10.0)
#: Inputs of calls that have no key yet, sent when the workers' keys are no longer to be trusted.
_BURST, _UNTRUSTED_S = 40, 5.5
_ADMIN_WITHIN_S, _PAUSE_S = 60.0, 0.3


class _KeyStoreFault(Fault):
    """Something is wrong with the key stores of some workers for some seconds, while new calls begin."""

    needs_sealing = True

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._for_s = chance.uniform(*_WITHOUT_S)
        self._all = chance.random() < 1 / 2
        self._kills = chance.random() < 1 / 2
        self._how = self._harm(chance)
        self._burst = burst(_BURST, chance)

    @staticmethod
    def _harm(chance: Random) -> str:
        """What happens to the file."""
        return chance.choice(sorted(HARMS))

    async def inject(self, scene: Scene) -> None:
        numbers = list(scene.pool.workers) if self._all else [self._one_of(scene.pool.running)]
        names = "all" if self._all else scene.pool.workers[numbers[0]].name
        restarted = ", and killed" if self._kills else ""
        self.what = f"{names}: {self._how}{restarted}, for {self._for_s:.1f} s"
        stores = _key_stores(scene)
        with contextlib.ExitStack() as harmed:
            for number in numbers:
                harmed.enter_context(stores.harmed(number, self._how))
                if self._kills:
                    scene.pool.workers[number].signal(signal.SIGKILL)
            await asyncio.sleep(_UNTRUSTED_S)
            await scene.oracle.send(self._burst)
            await asyncio.sleep(self._for_s - _UNTRUSTED_S)


class KeyStoreBroken(_KeyStoreFault):
    """The key store of one worker or of all is gone, truncated, read-only, or open to everybody, for some seconds."""

    name = "key-store-broken"


class KeyStoreForeign(_KeyStoreFault):
    """One worker or all have the key store of another installation for some seconds, some after a restart."""

    name = "key-store-foreign"

    @staticmethod
    def _harm(chance: Random) -> str:
        del chance
        return FOREIGN


class KeysUnreadable(Fault):
    """The workers may not read ``audio.keys`` for some seconds, so that what they know of the keys is too old."""

    name = "keys-unreadable"
    needs_sealing = needs_secure = True

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(0.5, 4.0)
        self._burst = burst(_BURST, chance)

    async def inject(self, scene: Scene) -> None:
        self.what = f"for {_UNTRUSTED_S + self.lasts:.1f} s"
        await self._change(scene, readable=False)
        await asyncio.sleep(_UNTRUSTED_S)
        await scene.oracle.send(self._burst)

    async def heal(self, scene: Scene) -> None:
        await self._change(scene, readable=True)

    async def _change(self, scene: Scene, *, readable: bool) -> None:
        """Give or take the right; brokers may be down meanwhile."""
        right = (ResourceType.TOPIC, scene.topic(KEYS), ResourcePatternType.LITERAL, f"User:{WORKER_ACCOUNT}", "*")
        what = (AclOperation.READ, AclPermissionType.ALLOW)
        admin = AdminClient({"bootstrap.servers": scene.cluster.bootstrap_servers, "log_level": 0})
        until = time.monotonic() + _ADMIN_WITHIN_S
        while True:
            asked = (
                admin.create_acls([AclBinding(*right, *what)])
                if readable
                else admin.delete_acls([AclBindingFilter(*right, *what)])
            )
            try:
                for answer in asked.values():
                    await asyncio.to_thread(answer.result)
            except KafkaException as error:
                if time.monotonic() > until:
                    raise ChaosError(f"the rights to {scene.topic(KEYS)} cannot be changed: {error}") from error
                await asyncio.sleep(_PAUSE_S)
            else:
                return


class KillWithNewKeys(Fault):
    """All workers are killed while a transaction with new data keys is open, in most cases."""

    name = "workers-kill-new-keys"
    needs_sealing = True

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._aim = Aim(chance, keys_in_a_transaction)

    async def inject(self, scene: Scene) -> None:
        victims = [scene.pool.workers[number] for number in scene.pool.running]
        self.what = "all" + await self._aim.freeze(scene, victims)
        self.injected_at = time.monotonic()
        for worker in victims:
            worker.signal(signal.SIGKILL)


def _key_stores(scene: Scene) -> BenchKeyStores:
    if scene.keys is None:
        raise ChaosError("this bench seals nothing")
    return scene.keys
