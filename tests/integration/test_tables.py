"""A worker's own table partitions and its replicas of others. No broker is needed."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.tables.recovery import ServiceStopped
from faust.types import TP
from prometheus_client import generate_latest

from streams.cache.entry import Entry, pack
from streams.codecs import Encoded
from streams.engine.recovery import RecoveryTimeoutError
from streams.engine.rocksdb_store import RebuildingStore
from streams.engine.tables import CurrentGenerationQueue, QuickStartTableManager
from streams.runtime.settings import Settings
from streams.runtime.wiring import Runtime, create_runtime
from tests.support.delivery import until

CHANGELOG = "hotel-audio-audio-cache-changelog"
GENERATION = 3
NOW = 1.5e9


def changelog(*partitions: int) -> set[TP]:
    return {TP(CHANGELOG, partition) for partition in partitions}


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
async def runtime(tmp_path: Path, failures: list[BaseException]) -> Runtime:
    runtime = create_runtime(Settings(state_dir=tmp_path), "member", failures.append)
    runtime.app.consumer_generation_id = GENERATION
    return runtime


def assign(runtime: Runtime, *, active: set[int], standby: set[int]) -> None:
    """Assign partitions as the group's leader does."""
    assignor: Any = runtime.app.assignor
    actives = changelog(*active) | {TP("audio.raw", partition) for partition in active}
    assignor.assigned_actives = lambda: actives
    assignor.assigned_standbys = lambda: changelog(*standby)
    assignor.is_standby = assignor.assigned_standbys().__contains__


def event(partition: int, offset: int, *, expires: float = 2e9, generation: int = GENERATION) -> Any:
    """A changelog record as Faust passes it on."""
    value = pack(Entry(Encoded(bytes(100), "audio/flac", "flac", "libFLAC", 5.0), expires, 1e9, None))
    message = SimpleNamespace(
        tp=TP(CHANGELOG, partition),
        partition=partition,
        offset=offset,
        key=offset.to_bytes(32),
        value=value,
        headers=(),
        generation_id=generation,
    )
    return SimpleNamespace(message=message)


def store_of(runtime: Runtime) -> RebuildingStore:
    table: Any = runtime.app.tables["audio-cache"]
    store: RebuildingStore = table.data
    return store


def replicate(runtime: Runtime, *events: Any) -> None:
    store_of(runtime).apply_changelog_batch(events, lambda key: key, lambda value: value)


def held(runtime: Runtime, partition: int) -> int:
    return len(list(store_of(runtime).entries(partition, b"")))


async def test_a_worker_removes_entries_of_its_own_partitions_and_leaves_replicas_alone(runtime: Runtime) -> None:
    assign(runtime, active={0, 1}, standby={2})
    replicate(runtime, *(event(partition, 10 + partition, expires=NOW - 1) for partition in (0, 1, 2)))
    for partition in runtime.table.owned():
        runtime.table.sweep(partition, NOW)
    assert [held(runtime, partition) for partition in (0, 1, 2)] == [0, 0, 1]


async def test_an_entry_goes_to_the_table_and_the_changelog_of_its_partition(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(runtime.app.producer, "send_soon", sent.append)
    key, value = bytes(32), event(1, 0).message.value
    runtime.table.put(1, key, value)
    [message] = [future.message for future in sent]
    assert (message.channel.get_topic_name(), message.partition) == (CHANGELOG, 1)
    assert (message.key, message.value) == (key, value)
    assert [runtime.table.lookup(partition)(key) for partition in (0, 1)] == [None, value]


async def test_sizes_are_shown_of_own_partitions_only(runtime: Runtime) -> None:
    replicate(runtime, event(0, 1), event(1, 2))
    for active, shown in (({0, 1}, {0, 1}), ({1}, {1}), ({0, 1}, {0, 1})):
        assign(runtime, active=active, standby={0, 1} - active)
        for partition in runtime.table.owned():
            runtime.table.sweep(partition, NOW)
        exposed = generate_latest(runtime.metrics.registry).decode()
        assert {number for number in (0, 1) if f'audio_cache_table_bytes{{partition="{number}"}}' in exposed} == shown


async def test_a_replica_ahead_of_its_changelog_is_set_aside(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def highwaters(*tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 5)

    monkeypatch.setattr(runtime.app, "consumer", SimpleNamespace(highwaters=highwaters), raising=False)
    assign(runtime, active={0}, standby={1, 2})
    replicate(runtime, event(1, 9), event(2, 4))
    store = store_of(runtime)
    await store.stop()
    await store.assign_partitions(store.table, changelog(0, 1, 2))
    assert [held(runtime, partition) for partition in (0, 1, 2)] == [0, 0, 1]
    assert [path.name for path in tmp_path.rglob("*.set-aside")] == ["audio-cache-1.set-aside"]


async def test_a_replica_that_cannot_be_written_ends_the_worker(
    runtime: Runtime, failures: list[BaseException]
) -> None:
    replicate(runtime, event(1, 1))
    store_of(runtime)._db_for_partition(1).close()  # noqa: SLF001  the nearest to a disk that gives up
    with pytest.raises(Exception, match="closed"):
        replicate(runtime, event(1, 2))
    assert len(failures) == 1


async def test_a_record_that_waited_through_a_rebalance_does_not_count(runtime: Runtime) -> None:
    queue = CurrentGenerationQueue(runtime.app)
    runtime.app.flow_control.resume()
    for offset, generation in ((9, GENERATION - 1), (5, GENERATION)):
        await queue.put(event(1, offset, generation=generation))
    assert (await queue.get()).message.offset == 5


async def test_a_recovery_whose_step_takes_too_long_ends_the_worker(
    runtime: Runtime, failures: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    recovery = cast("QuickStartTableManager", runtime.app.tables).recovery
    monkeypatch.setattr(recovery, "_build_highwaters", hang)
    monkeypatch.setattr(runtime.app.conf, "broker_request_timeout", 0.05)
    await recovery.start()
    recovery.signal_recovery_start.set()
    await until(lambda: bool(failures))
    assert isinstance(failures[0], RecoveryTimeoutError)
    assert "hang" in str(failures[0])
    await recovery.stop()


async def test_a_recovery_that_is_stopped_is_no_failure(runtime: Runtime, failures: list[BaseException]) -> None:
    recovery = cast("QuickStartTableManager", runtime.app.tables).recovery
    await recovery.start()
    waiting = asyncio.create_task(recovery._wait(asyncio.sleep(60), timeout=60))  # noqa: SLF001  Faust's own steps do
    await asyncio.sleep(0)
    await recovery.stop()
    with pytest.raises(ServiceStopped):
        await waiting
    assert failures == []
