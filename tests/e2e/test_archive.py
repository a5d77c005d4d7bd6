"""Whole workers archive what a policy marks: once each, over kills and changes of the policy, and nothing else."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from infra.stores.local import LocalStores
from schemas import Policy, PolicyEvent
from streams.archive.entry import Entry
from streams.archive.reader import ArchiveReader
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.stores import Stores
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import PlannedInput
from tests.chaos.sounds import sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.e2e.test_policies import publish, wait_for
from tests.e2e.test_worker import exact
from tests.support.brokers import Broker, Namespace
from tests.support.object_stores import environment, stores_of

SEGMENTS = 5
SOUND = sample(1.0, "audio/L16", seed=1)


def calls(first: int, last: int, hotel: str) -> list[PlannedInput]:
    """Calls that have not ended; their segments one after the other."""
    return [
        segment(SOUND, f"{hotel}-{call}", sequence, number=call, hotel=hotel)
        for sequence in range(SEGMENTS)
        for call in range(first, last)
    ]


class Archive:
    """What a hotel's archive in a genuine S3 server has.

    Args:
        stores: The stores.
        hotels: The hotels of the test, which no other test has.
    """

    def __init__(self, stores: Stores, *hotels: str) -> None:
        self._reader = ArchiveReader(stores)
        self._hotels = hotels

    def entries(self) -> list[Entry]:
        today = datetime.now(UTC).date()
        names = [
            one for hotel in self._hotels for one in self._reader.of_hotel(hotel, today - timedelta(days=1), today)
        ]
        found = [self._reader.read(name) for name in names]
        assert all(isinstance(one, Entry) for one in found)
        return [one for one in found if isinstance(one, Entry)]

    def places(self) -> list[tuple[int, int]]:
        """Partition and offset of each archived result."""
        return [(one.segment.position.partition, one.segment.position.offset) for one in self.entries()]

    async def complete(self, oracle: DeliveryOracle) -> list[tuple[int, int]]:
        """Wait until every marked result has an entry; returns the places of all entries."""
        async with asyncio.timeout(90):
            while set(places := await asyncio.to_thread(self.places)) < marked(oracle):
                await asyncio.sleep(0.5)
        return places


def marked(oracle: DeliveryOracle) -> set[tuple[int, int]]:
    """Partition and offset of the committed results that are to be archived."""
    return {(one.partition, one.offset) for one in oracle.results if one.header("ce_archive") == "true"}


@pytest.fixture
def stores(object_stores: LocalStores) -> Iterator[Stores]:
    made = stores_of(object_stores)
    yield made
    made.close()


@pytest.mark.timeout(300)
async def test_each_marked_result_is_archived_once_over_a_kill_and_changes_of_the_policy(
    broker: Broker, namespace: Namespace, tmp_path: Path, object_stores: LocalStores, stores: Stores
) -> None:
    servers = broker.bootstrap_servers
    await apply_topics(KafkaConnection(servers), namespace.prefix, namespace.group)
    seaside, alpine = f"{namespace.group}/sea side", f"{namespace.group}/alpine"
    archive = Archive(stores, seaside, alpine)
    workers = [
        Worker(servers, namespace.prefix, namespace.group, tmp_path / f"worker-{number}", **environment(object_stores))
        for number in range(2)
    ]
    oracle = DeliveryOracle(servers, namespace.prefix, namespace.group)
    await publish(broker, namespace, PolicyEvent(seaside, Policy(1, archive=True)).to_record())
    with running(*workers):
        sending = asyncio.create_task(oracle.send(calls(0, 16, seaside), per_second=40))
        await asyncio.to_thread(workers[0].kill)
        workers[0].start()
        await oracle.send(calls(0, 4, alpine))
        await sending
        await exact(oracle)
        found = await archive.complete(oracle)
        assert len(found) == len(set(found)) == 16 * SEGMENTS
        assert set(found) == marked(oracle)

        await publish(broker, namespace, PolicyEvent(seaside, Policy(2)).to_record())
        for worker in workers:
            await asyncio.to_thread(worker.wait_ready)
            await policy_version(worker, seaside, 2)
        await oracle.send(calls(20, 24, seaside))
        await publish(broker, namespace, PolicyEvent(alpine, Policy(1, archive=True)).to_record())
        for worker in workers:
            await wait_for(worker, "audio_policies", 2)
        await oracle.send(calls(10, 14, alpine))
        await exact(oracle)
        await archive.complete(oracle)
    archived = {one.segment.result.call_id for one in archive.entries()}
    assert archived == {f"{seaside}-{n}" for n in range(16)} | {f"{alpine}-{n}" for n in range(10, 14)}


async def policy_version(worker: Worker, hotel: str, version: int) -> None:
    async with asyncio.timeout(30):
        while json.loads(worker.get(f"/policies?{urlencode({'hotel': hotel})}")[1]).get("version") != version:
            await asyncio.sleep(0.1)
