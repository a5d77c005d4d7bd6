"""Bugs in fencing, and in the offsets where workers begin."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError

from schemas.record import TopicPartition
from streams.delivery import transactions
from streams.delivery.lanes import Begin, Lanes
from streams.delivery.transactions import Batch, Committed, GroupProducer
from streams.kafka.protocol.txn_offset_commit import GroupMember, Offsets
from streams.kafka.transactional_writer import TransactionalWriter, run_concurrently
from tests.chaos.seeded_bugs.patch import Patch

_IMPATIENCE_S, _PAUSE_S = 0.5, 0.1


def fence_nobody(patch: Patch) -> None:
    """Commit offsets without a group member, and do not fence former owners."""

    async def commit(self: GroupProducer, writer: TransactionalWriter, batches: Sequence[Batch]) -> None:
        nobody = GroupMember(self._member.group, -1, "", None)  # type: ignore[arg-type]  # the product never sends this
        outputs, offsets = transactions._by_partition(batches), self._offsets(batches)
        await run_concurrently(writer.write(outputs), writer.commit_offsets(nobody, offsets))
        await writer.commit()

    async def fence_none(self: GroupProducer, client: AIOKafkaClient, last: Offsets) -> None:
        del self, client, last

    patch(GroupProducer, "_commit", commit)
    patch(GroupProducer, "_fence_former_owners", fence_none)


def read_offsets_from_anybody(patch: Patch) -> None:
    """Read committed offsets from any broker that claims to be the coordinator."""

    async def find(self: GroupProducer, writer: TransactionalWriter) -> int:
        del writer
        while True:
            assert self._client is not None
            try:
                broker = await self._client.coordinator_lookup(CoordinationType.GROUP, self._member.group)
            except KafkaError:
                await asyncio.sleep(_PAUSE_S)
            else:
                return int(broker)

    patch(GroupProducer, "_find_coordinator", find)


def drop_the_lane_on_revoke(patch: Patch) -> None:
    """Discard lanes when partitions are revoked, and continue after their inputs when partitions return."""
    fence_and_open = Lanes.open
    taken: defaultdict[Lanes, dict[TopicPartition, int]] = defaultdict(dict)

    async def drop(self: Lanes) -> None:
        self._expected = self._opened = None
        dropped, self._lanes = self._lanes, {}
        committer, self._committer = self._committer, None
        taken[self].update({tp: lane._next for tp, lane in dropped.items()})
        if committer is not None:
            await committer.discard()

    async def open_(self: Lanes, tps: Collection[TopicPartition], begin: Begin) -> None:
        async def last_positions(committed: Committed) -> Mapping[TopicPartition, int]:
            offsets = await begin(committed)
            return {tp: max(offset, taken[self].get(tp, 0)) for tp, offset in offsets.items()}

        await fence_and_open(self, tps, last_positions)

    patch(Lanes, "drain", drop)
    patch(Lanes, "open", open_)


def retry_an_open_fate(patch: Patch) -> None:
    """Write a batch again with a new writer when its commit is not confirmed in time."""
    write = GroupProducer.commit

    async def commit(self: GroupProducer, batches: Sequence[Batch]) -> None:
        while True:
            try:
                await write(self, batches)
            except (KafkaError, TimeoutError):
                with contextlib.suppress(TimeoutError):
                    await self.stop()
                await self.start()
            else:
                return

    patch(transactions, "_COMMIT_TIMEOUT", _IMPATIENCE_S)
    patch(GroupProducer, "commit", commit)
