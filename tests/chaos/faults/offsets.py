"""What becomes of offsets and logs while no worker runs: records expire, committed offsets are set to others."""

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
#: A transaction that is open when a worker has stopped in order is being ended.
_QUIET_WITHIN_S = 8.0
#: All attempts together: other faults are over by then.
_DONE_WITHIN_S = 90.0
#: One attempt: a leader answers once all replicas have deleted, and one of them may be away.
_ATTEMPT_MS = 5000
_LOOK_S = 0.3
_BURST = 96
_PARTITIONS = 4
_BEYOND = 1000


class _AllStopped(Fault):
    """All workers are stopped, inputs come, and some partitions are changed before the workers are started again."""

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
        """Do it.

        Args:
            scene: What it is done to.
            unread: Of each partition to change, the offsets from the committed one to the last input.

        Returns:
            What was done, for people.
        """


class RetentionExpires(_AllStopped):
    """Inputs expire before anybody has read them."""

    name = "retention-expires"

    async def _change(self, scene: Scene, unread: Mapping[int, range]) -> str:
        # The last one stays: what is committed at the end tells that a partition was read on.
        starts = {number: self._chance.randint(offsets[0], offsets[-1]) for number, offsets in unread.items()}
        await _delete(scene, starts)
        for number, start in starts.items():
            scene.oracle.expire(number, range(unread[number][0], start))
        expired = sum(start - unread[number][0] for number, start in starts.items())
        return f"{expired} offsets of {len(starts)} partitions"


class OffsetsBeyondTheEnd(_AllStopped):
    """The group's offsets are set beyond the logs' ends, as if copied from elsewhere; what is answered has expired."""

    name = "offsets-beyond-the-end"

    async def _change(self, scene: Scene, unread: Mapping[int, range]) -> str:
        await _delete(scene, {number: offsets[0] for number, offsets in unread.items()})
        topic = scene.topic(RAW)
        offsets = {TopicPartition(topic, number): offsets[-1] + _BEYOND for number, offsets in unread.items()}
        async with asyncio.timeout(_DONE_WITHIN_S):
            while not await _commit(scene, offsets):  # members that stopped in order stay until their session is over
                await asyncio.sleep(_LOOK_S)
        return f"{len(offsets)} partitions"


def _unread(scene: Scene, done: Mapping[int, int]) -> dict[int, range]:
    """By partition, the offsets from the committed one to the last acknowledged input, where there are any."""
    last: dict[int, int] = {}
    for place in scene.oracle.awaited:
        last[place.partition] = max(place.offset, last.get(place.partition, 0))
    unread = {number: range(done.get(number, 0), offset + 1) for number, offset in last.items()}
    return {number: offsets for number, offsets in unread.items() if offsets}


async def _quiet(scene: Scene) -> bool:
    """Wait until no transaction is open, of the workers' or of offsets; tells whether that was so in time."""
    topics = (scene.topic(COMPRESSED), scene.topic(DEAD_LETTER), OFFSETS)
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        async with asyncio.timeout(_QUIET_WITHIN_S):
            async with OpenTransactions(scene.cluster.bootstrap_servers, topics) as transactions:
                while await transactions.look():
                    await asyncio.sleep(_LOOK_S)
                return True
    return False


async def _delete(scene: Scene, starts: Mapping[int, int]) -> None:
    """Delete the records before these offsets of ``audio.raw``; as often as it takes, for brokers may be down."""
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
    """Commit offsets for the group as its operator; tells whether they were taken."""
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
