"""What workers cache and where, and what they never cache."""

import asyncio
import shutil
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import PolicyViolationError
from rocksdict import AccessType, Rdict

from schemas import Policy, PolicyEvent
from streams.engine.rocksdb_options import AudioOptions
from streams.engine.rocksdb_store import RebuildingStore
from tests.chaos.damage import with_header
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.reading import read
from tests.chaos.records import CACHE_CHANGELOG, ObservedRecord, PlannedInput
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.e2e.test_policies import publish
from tests.e2e.test_worker import exact, metric, planned, spoken
from tests.support.brokers import Broker, Namespace

#: A part of the audio to search for; not the beginning of a file, which is the same in all files.
NEEDLE = slice(200, 300)


def lookups(oracle: DeliveryOracle) -> dict[int, str | None]:
    return {int(record.header("ce_sequence") or ""): record.header("ce_cache") for record in oracle.results}


async def changelog(broker: Broker, namespace: Namespace) -> list[ObservedRecord]:
    """Every record of the cache table's changelog topic."""
    name = f"{namespace.prefix}{namespace.group}-{CACHE_CHANGELOG}"
    return (await read(broker.bootstrap_servers, [name], committed=False)).records


async def test_a_prompt_is_stored_the_second_time_and_outlives_the_worker_s_directory(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path)
    prompts = [spoken(1.0, seed) for seed in range(10)]
    with running(worker):
        for time in range(3):
            await oracle.send([planned(p, 10 * time + n, channel="prompt", call=1) for n, p in enumerate(prompts)])
            await exact(oracle, last=False)
            assert len(await changelog(broker, namespace)) == (0 if time == 0 else 10)
        metrics = worker.get("/metrics")[1]
        assert await asyncio.to_thread(worker.stop) == 0
        shutil.rmtree(worker.state)
        worker.start()
        await oracle.send([planned(p, 30 + n, channel="prompt", call=1) for n, p in enumerate(prompts)])
        await exact(oracle)
        after = worker.get("/metrics")[1]
    found = lookups(oracle)
    assert [found[n] for n in range(40)] == ["miss"] * 20 + ["hit"] * 20
    results = {int(record.header("ce_sequence") or ""): record.value for record in oracle.results}
    assert all(results[n] == results[n % 10] for n in range(40))
    assert 'audio_cache_lookups_total{outcome="miss"} 20.0' in metrics
    assert 'audio_cache_lookups_total{outcome="memory"} 10.0' in metrics
    assert 'audio_cache_table_writes_total{reason="admission"} 10.0' in metrics
    assert "audio_cache_age_seconds_count 10.0" in metrics
    assert "audio_cache_entries 10.0" in metrics
    assert 'audio_cache_lookups_total{outcome="table"} 10.0' in after


#: By hotel: the channels that its policy allows in the cache; None for a hotel without a policy.
HOTELS: dict[str, tuple[str, ...] | None] = {"plain": None, "wide": ("prompt", "mixed"), "none": ()}
CHANNELS = ("prompt", "guest", "agent", "mixed", None)


def said(call: int, time: int, channel: str | None, hotel: str) -> PlannedInput:
    """One playing of a sound that occurs in one call only."""
    one = segment(spoken(1.0, call), f"call-{call}", time, channel=channel or "guest", hotel=hotel)
    return one if channel else replace(one, message=with_header(one.message, "ce_channel", None))


async def test_only_prompts_reach_the_disk_and_the_changelog_unless_a_policy_says_otherwise(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    policies = {hotel: Policy(1, cache_channels=kept) for hotel, kept in HOTELS.items() if kept is not None}
    await publish(broker, namespace, *(PolicyEvent(hotel, policy).to_record() for hotel, policy in policies.items()))
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path)
    calls = list(product(HOTELS, CHANNELS))
    with running(worker):
        for time in range(4):
            await oracle.send([said(call, time, channel, hotel) for call, (hotel, channel) in enumerate(calls)])
            await oracle.collect(
                within=60, last=time == 3
            )  # not checked: the oracle does not support an input without a channel
            assert len(oracle.results) == len(calls) * (time + 1)
        assert await asyncio.to_thread(worker.stop) == 0
    values = {record.header("ce_callid"): record.value or b"" for record in oracle.results}
    partitions = {record.header("ce_callid"): record.partition for record in oracle.results}
    kept = await changelog(broker, namespace)
    on_disk = [path.read_bytes() for path in worker.state.rglob("*") if path.is_file()]
    cached = set()
    for call, (hotel, channel) in enumerate(calls):
        allowed = HOTELS[hotel]
        if channel in (("prompt",) if allowed is None else allowed):
            cached.add(f"call-{call}")
        needle = values[f"call-{call}"][NEEDLE]
        entries = [record for record in kept if needle in (record.value or b"")]
        assert bool(entries) == (f"call-{call}" in cached)
        assert all(entry.partition == partitions[f"call-{call}"] for entry in entries)
        assert any(needle in content for content in on_disk) == (f"call-{call}" in cached)
    assert len(kept) == len(cached) == 3
    for record in oracle.results:
        repeated = record.header("ce_callid") in cached and int(record.header("ce_sequence") or "") > 1
        assert record.header("ce_cache") == ("hit" if repeated else "miss")


async def test_entries_go_when_their_time_is_over(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_CACHE_TTL="5s")
    prompt = spoken(1.0)
    with running(worker):
        for time in range(3):
            await oracle.send([planned(prompt, time, channel="prompt")])
            await exact(oracle, last=False)
        gone = ('audio_cache_table_removals_total{reason="expired"} 1.0', "audio_cache_entries 0.0")
        async with asyncio.timeout(90):
            while any(sign not in worker.get("/metrics")[1] for sign in gone):  # memory has later uses than the table
                await asyncio.sleep(0.3)
        assert (await changelog(broker, namespace))[-1].value is None
        await oracle.send([planned(prompt, 3, channel="prompt")])
        await exact(oracle)
    assert lookups(oracle) == {0: "miss", 1: "miss", 2: "hit", 3: "miss"}


def stored(worker: Worker) -> int:
    """The number of entries in all databases of a worker, which may be running."""
    databases = [
        Rdict(str(path), AudioOptions().as_options(), access_type=AccessType.read_only())
        for path in worker.state.rglob("*.db")
    ]
    return sum(key != RebuildingStore.offset_key for database in databases for key in database.keys())  # noqa: SIM118  no mapping


async def empty_changelog(broker: Broker, namespace: Namespace) -> None:
    """Delete the records of the changelog, after a change of its settings that permits it for a compacted topic."""
    name = f"{namespace.prefix}{namespace.group}-{CACHE_CHANGELOG}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        policy = ConfigResource(ConfigResourceType.TOPIC, name, configs={"cleanup.policy": "compact,delete"})
        await admin.alter_configs([policy])
        everything = RecordsToDelete(before_offset=-1)
        async with asyncio.timeout(30):
            while await changelog(broker, namespace):
                with suppress(PolicyViolationError):  # until all brokers have the changed setting
                    await admin.delete_records({TopicPartition(name, number): everything for number in range(8)})
    finally:
        await admin.close()


async def test_hits_move_with_the_partitions_of_a_worker_that_is_lost_from_replicas_alone(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    first, second = (
        Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / name) for name in ("one", "two")
    )
    prompts = [spoken(1.0, seed) for seed in range(8)]

    def played(time: int) -> list[int]:
        return [time * 8 + call for call in range(8)]

    with running(first, second):
        for time in range(3):
            await oracle.send([planned(prompts[n % 8], n, channel="prompt", call=n % 8) for n in played(time)])
            await exact(oracle, last=False)
        async with asyncio.timeout(20):
            while [await asyncio.to_thread(stored, one) for one in (first, second)] != [8, 8]:
                await asyncio.sleep(0.2)
        await empty_changelog(broker, namespace)
        served = metric(first, "audio_records_in_total")
        await asyncio.to_thread(first.kill)
        await oracle.send([planned(prompts[n % 8], n, channel="prompt", call=n % 8) for n in played(3)])
        await exact(oracle)
        assert served > 0
        assert f'audio_cache_lookups_total{{outcome="table"}} {served / 3}' in second.get("/metrics")[1]
        assert await changelog(broker, namespace) == []
    found = lookups(oracle)
    assert [found[n] for n in played(2) + played(3)] == ["hit"] * 16


async def test_a_worker_short_of_memory_does_without_the_memory_tier(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, oracle: DeliveryOracle
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_MEMORY_LIMIT="50MB")
    prompt = spoken(1.0)
    with running(worker):
        async with asyncio.timeout(30):
            while "audio_cache_budget_bytes 0.0" not in worker.get("/metrics")[1]:
                await asyncio.sleep(0.2)
        for time in range(4):
            await oracle.send([planned(prompt, time, channel="prompt")])
            await exact(oracle, last=time == 3)
        assert 'audio_cache_lookups_total{outcome="table"} 2.0' in worker.get("/metrics")[1]
        assert await asyncio.to_thread(worker.stop) == 0
    assert lookups(oracle) == {0: "miss", 1: "miss", 2: "hit", 3: "hit"}
