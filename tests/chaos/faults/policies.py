"""Faults of the topic of policies."""

import asyncio
import contextlib
from random import Random

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.errors import ChaosError
from tests.chaos.faults.base import Fault
from tests.chaos.installation import make_topics, publish_policies
from tests.chaos.records import POLICY
from tests.chaos.scene import Scene
from tests.chaos.workload import HotelPolicy, single

_GONE_S = (0.5, 4.0)
_WITHIN_S = 60.0
_PAUSE_S = 0.5
_READY_WITHIN_S = 30.0
#: Seconds after which every worker has read a published policy.
_IN_FORCE_S = 3.0
_INPUTS = 32


class PolicyRecreated(Fault):
    """The policy topic is deleted and recreated; one more hotel has a legal hold then, and sends at once."""

    name = "policy-recreated"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._gone_s = chance.uniform(*_GONE_S)
        self._hotel = f"hold-{chance.getrandbits(32):08x}"
        self._inputs = single(_INPUTS, chance, hotel=self._hotel)

    async def inject(self, scene: Scene) -> None:
        self.what = f"for {self._gone_s:.1f} s"
        servers = scene.cluster.bootstrap_servers
        scene.policies[self._hotel] = HotelPolicy(lossless=True)
        async with asyncio.timeout(_WITHIN_S):
            await _delete(servers, scene.topic(POLICY))
            await asyncio.sleep(self._gone_s)
            while True:
                with contextlib.suppress(KafkaError, OSError, ChaosError):  # brokers may be down too
                    await asyncio.to_thread(make_topics, servers, scene.prefix, scene.group)
                    await publish_policies(servers, scene.prefix, scene.policies)
                    break
                await asyncio.sleep(_PAUSE_S)
        await scene.pool.all_ready(_READY_WITHIN_S)
        await asyncio.sleep(_IN_FORCE_S)
        await scene.oracle.send(self._inputs)


async def _delete(servers: str, topic: str) -> None:
    """Delete a topic, and wait until it is gone."""
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        try:
            await admin.start()
            await admin.delete_topics([topic])
            if topic not in await admin.list_topics():
                return
        except (KafkaError, OSError):
            pass
        finally:
            await admin.close()
        await asyncio.sleep(_PAUSE_S)
