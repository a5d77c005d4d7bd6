"""Changes of offsets and logs while no worker runs: records expire, committed offsets are reset."""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Mapping
from random import Random

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from tests.chaos.faults.base import Fault
from tests.chaos.reading import OpenTransactions, committed_offsets
from tests.chaos.records import COMPRESSED, DEAD_LETTER, OFFSETS, RAW
from tests.chaos.scene import Scene
from tests.chaos.workload import burst

_STOP_WITHIN_S = 15.0
#: Seconds until transactions of cleanly stopped workers are completed.
_QUIET_WITHIN_S = 8.0
#: Seconds for all attempts together: other faults are over by then.
_DONE_WITHIN_S = 90.0
#: Seconds for one attempt: a leader answers once all replicas have deleted, and a replica may be down.
_ATTEMPT_MS = 5000
_LOOK_S = 0.3
_BURST = 96
_PARTITIONS = 4
_BEYOND = 1000


class _AllStopped(Fault):
    """All workers are stopped, inputs are sent, and some partitions are changed before the workers start again."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._inputs = burst(_BURST, chance)

    async def inject(self, scene: Scene) -> None:
        async with scene.pool.all_stopped(_STOP_WITHIN_S):
            await scene.oracle.send(self._inputs)
            if not await _quiet(scene):
                self.what = "not tried: a transaction stayed open"
                return
            done = await committed_offsets(scene.cluster.bootstrap_servers, scene.group, scene.topic(RAW))
            await scene.oracle.read_on()
            unread = _unread(scene, done)
            victims = self._chance.sample(sorted(unread), min(_PARTITIONS, len(unread)))
            self.what = await self._change(scene, {number: unread[number] for number in victims})

    @abstractmethod
    async def _change(self, scene: Scene, unread: Mapping[int, range]) -> str:
        """Change the partitions.

        Args:
            scene: The cluster and its workers.
            unread: By partition to change, the offsets from the committed one to the last input.

        Returns:
            A description of the change.
        """


class RetentionExpires(_AllStopped):
    """Inputs expire before a worker has read them."""

    name = "retention-expires"

    async def _change(self, scene: Scene, unread: Mapping[int, range]) -> str:
        # The last one stays: its committed offset shows that the partition was read.
        starts = {number: self._chance.randint(offsets[0], offsets[-1]) for number, offsets in unread.items()}
        await _delete(scene, starts)
        for number, start in starts.items():
            scene.oracle.expire(number, range(unread[number][0], start))
        expired = sum(start - unread[number][0] for number, start in starts.items())
        return f"{expired} offsets of {len(starts)} partitions"


class OffsetsBeyondTheEnd(_AllStopped):
    """The group's offsets are set beyond the logs' ends, as if copied from elsewhere; processed inputs have expired."""

    name = "offsets-beyond-the-end"

    async def _change(self, scene: Scene, unread: Mapping[int, range]) -> str:
        await _delete(scene, {number: offsets[0] for number, offsets in unread.items()})
        topic = scene.topic(RAW)
        offsets = {TopicPartition(topic, number): offsets[-1] + _BEYOND for number, offsets in unread.items()}
        async with asyncio.timeout(_DONE_WITHIN_S):
            while not await _commit(scene, offsets):  # cleanly stopped members remain until their session ends
                await asyncio.sleep(_LOOK_S)
        return f"{len(offsets)} partitions"


def _unread(scene: Scene, done: Mapping[int, int]) -> dict[int, range]:
    """By partition with unread inputs, the offsets from the committed one to the last acknowledged input."""
    last: dict[int, int] = {}
    for place in scene.oracle.awaited:
        last[place.partition] = max(place.offset, last.get(place.partition, 0))
    unread = {number: range(done.get(number, 0), offset + 1) for number, offset in last.items()}
    return {number: offsets for number, offsets in unread.items() if offsets}


async def _quiet(scene: Scene) -> bool:
    """Wait until no transaction with outcomes or offsets is open; returns whether that happened in time."""
    topics = (scene.topic(COMPRESSED), scene.topic(DEAD_LETTER), OFFSETS)
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        async with asyncio.timeout(_QUIET_WITHIN_S):
            async with OpenTransactions(scene.cluster.bootstrap_servers, topics) as transactions:
                while await transactions.look():
                    await asyncio.sleep(_LOOK_S)
                return True
    return False


async def _delete(scene: Scene, starts: Mapping[int, int]) -> None:
    """Delete the records before these offsets of ``audio.raw``; retries, because brokers may be down."""
    topic = scene.topic(RAW)
    wanted = {TopicPartition(topic, number): RecordsToDelete(offset) for number, offset in starts.items()}
    async with asyncio.timeout(_DONE_WITHIN_S):
        while True:
            servers = scene.cluster.bootstrap_servers
            admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=_ATTEMPT_MS)
            try:
                await admin.start()
                await admin.delete_records(wanted, timeout_ms=_ATTEMPT_MS)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(_LOOK_S)
            else:
                return
            finally:
                await admin.close()


async def _commit(scene: Scene, offsets: Mapping[TopicPartition, int]) -> bool:
    """Commit offsets for the group as an operator does; returns whether the brokers accepted them."""
    servers = scene.cluster.bootstrap_servers
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=scene.group, enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(list(offsets))
        await consumer.commit(dict(offsets))
    except (KafkaError, OSError):
        return False
    else:
        return True
    finally:
        await consumer.stop()
