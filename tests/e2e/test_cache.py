"""What workers cache, where it goes, and what never does."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

from tests.chaos.account import Account
from tests.chaos.damage import with_header
from tests.chaos.reading import read
from tests.chaos.records import CACHE_CHANGELOG, Planned, Seen
from tests.chaos.workers import Worker, running
from tests.e2e.test_worker import exact, planned, spoken
from tests.support.brokers import Broker, Namespace

#: Not at the beginning of a file, where all files are alike.
NEEDLE = slice(200, 300)


def lookups(account: Account) -> dict[int, str | None]:
    return {int(record.header("ce_sequence") or ""): record.header("ce_cache") for record in account.results}


async def changelog(broker: Broker, namespace: Namespace) -> list[Seen]:
    """Every record of the cache's changelog."""
    name = f"{namespace.prefix}{namespace.group}-{CACHE_CHANGELOG}"
    return (await read(broker.bootstrap_servers, [name], committed=False)).records


async def test_a_prompt_is_stored_the_second_time_and_outlives_the_worker_s_directory(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, account: Account
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path)
    prompts = [spoken(1.0, seed) for seed in range(10)]
    with running(worker):
        for time in range(3):
            await account.send([planned(p, 10 * time + n, channel="prompt", call=1) for n, p in enumerate(prompts)])
            await exact(account)
            assert len(await changelog(broker, namespace)) == (0 if time == 0 else 10)
        metrics = worker.get("/metrics")[1]
        assert await asyncio.to_thread(worker.stop) == 0
        shutil.rmtree(worker.state)
        worker.start()
        await account.send([planned(p, 30 + n, channel="prompt", call=1) for n, p in enumerate(prompts)])
        await exact(account)
        after = worker.get("/metrics")[1]
    found = lookups(account)
    assert [found[n] for n in range(40)] == ["miss"] * 20 + ["hit"] * 20
    results = {int(record.header("ce_sequence") or ""): record.value for record in account.results}
    assert all(results[n] == results[n % 10] for n in range(40))
    assert 'audio_cache_lookups_total{outcome="miss"} 20.0' in metrics
    assert 'audio_cache_lookups_total{outcome="memory"} 10.0' in metrics
    assert 'audio_cache_table_writes_total{reason="admission"} 10.0' in metrics
    assert "audio_cache_age_seconds_count 10.0" in metrics
    assert "audio_cache_entries 10.0" in metrics
    assert 'audio_cache_lookups_total{outcome="table"} 10.0' in after


def said(call: int, time: int, channel: str | None) -> Planned:
    if channel is not None:
        return planned(spoken(1.0, call), time, channel=channel, call=call)
    unnamed = planned(spoken(1.0, call), time, call=call)
    return replace(unnamed, message=with_header(unnamed.message, "ce_channel", None))


async def test_only_prompts_reach_the_disk_and_the_changelog(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, account: Account
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path)
    channels = ["prompt", "guest", "agent", "mixed", None]
    with running(worker):
        for time in range(4):
            await account.send([said(seed, time, channel) for seed, channel in enumerate(channels)])
            await account.collect(within=60)  # unjudged: the ledger knows no unnamed channel
            assert len(account.results) == len(channels) * (time + 1)
        assert await asyncio.to_thread(worker.stop) == 0
    values = {record.header("ce_callid"): record.value or b"" for record in account.results}
    kept = await changelog(broker, namespace)
    on_disk = [path.read_bytes() for path in worker.state.rglob("*") if path.is_file()]
    for seed, channel in enumerate(channels):
        needle = values[f"call-{seed}"][NEEDLE]
        assert any(needle in (record.value or b"") for record in kept) == (channel == "prompt")
        assert any(needle in content for content in on_disk) == (channel == "prompt")
    assert len(kept) == 1
    for record in account.results:
        repeated = record.header("ce_callid") == "call-0" and int(record.header("ce_sequence") or "") > 1
        assert record.header("ce_cache") == ("hit" if repeated else "miss")


async def test_entries_go_when_their_time_is_over(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, account: Account
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_CACHE_TTL="15s")
    prompt = spoken(1.0)
    with running(worker):
        for time in range(3):
            await account.send([planned(prompt, time, channel="prompt")])
            await exact(account)
        async with asyncio.timeout(60):
            while 'audio_cache_table_removals_total{reason="expired"} 1.0' not in worker.get("/metrics")[1]:
                await asyncio.sleep(0.3)
        assert "audio_cache_entries 0.0" in worker.get("/metrics")[1]
        assert (await changelog(broker, namespace))[-1].value is None
        await account.send([planned(prompt, 3, channel="prompt")])
        await exact(account)
    assert lookups(account) == {0: "miss", 1: "miss", 2: "hit", 3: "miss"}


async def test_hits_move_with_the_partitions_of_a_worker_that_was_killed(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, account: Account
) -> None:
    first, second = (
        Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / name) for name in ("one", "two")
    )
    prompts = [spoken(1.0, seed) for seed in range(8)]

    def played(time: int) -> list[int]:
        return [time * 8 + call for call in range(8)]

    with running(first):
        for time in range(3):
            await account.send([planned(prompts[n % 8], n, channel="prompt", call=n % 8) for n in played(time)])
            await exact(account)
        await asyncio.to_thread(first.kill)
        with running(second):
            await account.send([planned(prompts[n % 8], n, channel="prompt", call=n % 8) for n in played(3)])
            await exact(account)
    found = lookups(account)
    assert [found[n] for n in played(2) + played(3)] == ["hit"] * 16


async def test_a_worker_short_of_memory_does_without_the_memory_tier(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None, account: Account
) -> None:
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_MEMORY_LIMIT="50MB")
    prompt = spoken(1.0)
    with running(worker):
        async with asyncio.timeout(30):
            while "audio_cache_budget_bytes 0.0" not in worker.get("/metrics")[1]:
                await asyncio.sleep(0.2)
        for time in range(4):
            await account.send([planned(prompt, time, channel="prompt")])
            await exact(account)
        assert 'audio_cache_lookups_total{outcome="table"} 2.0' in worker.get("/metrics")[1]
        assert await asyncio.to_thread(worker.stop) == 0
    assert lookups(account) == {0: "miss", 1: "miss", 2: "hit", 3: "hit"}
