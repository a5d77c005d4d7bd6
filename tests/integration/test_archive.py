"""The archive on a genuine Kafka: committed results alone, each once, whatever happens to those who write it."""

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from prometheus_client import CollectorRegistry

from schemas import CompressedAudio
from scripts.commands import export
from scripts.commands import stores as stores_command
from streams.archive.follower import ArchiveFollower, archive_group
from streams.archive.progress import ArchiveProgress
from streams.codecs import FlacEncoder
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.kafka.topic_admin import connected_admin
from streams.stores import Stores, StoresConfiguration, StoreUnavailableError, content_key, pool
from streams.telemetry.metrics.archive import ArchiveMetrics
from tests.support.brokers import Broker, Namespace
from tests.support.call_segments import encoded, noise, result
from tests.support.result_topic import ResultTopic, result_topic


@pytest.fixture
async def results(broker: Broker, namespace: Namespace) -> AsyncIterator[ResultTopic]:
    async with result_topic(broker, namespace) as topic:
        yield topic


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "stores"


@pytest.fixture
def stores(root: Path) -> Iterator[Stores]:
    made = Stores.of(StoresConfiguration.parse(f"file://{root}"))
    yield made
    made.close()


class FailingStores(Stores):
    """Stores that do not work for a while."""

    failing = True

    def put(self, key: str, content: bytes | Path) -> Any:
        if self.failing:
            raise StoreUnavailableError("the store does not answer")
        return super().put(key, content)


def a_call(call_id: str, count: int = 3, **changes: Any) -> list[CompressedAudio]:
    usual = {"archive": True, "call_id": call_id, "stream_id": f"{call_id}:guest"}
    return [
        result(number, audio=f"OggS {call_id} {number}".encode(), final=number == count - 1, **(usual | changes))
        for number in range(count)
    ]


class Archive:
    """The followers of a test."""

    def __init__(self, broker: Broker, namespace: Namespace, topic: str, stores: Stores) -> None:
        self.stores = stores
        self.connection = KafkaConnection(broker.bootstrap_servers)
        self.group = namespace.group
        self._topic = topic
        self._registry = CollectorRegistry()
        metrics = ArchiveMetrics(self._registry)
        self._metrics = metrics

    def follower(self, stores: Stores | None = None, *, wanted: bool = True, quiet: float = 1.0) -> ArchiveFollower:
        return ArchiveFollower(
            self.connection,
            self._topic,
            self.group,
            stores or self.stores,
            self._metrics,
            wanted=lambda: wanted,
            progress=lambda: ArchiveProgress(quiet),
        )

    def told(self, metric: str) -> float:
        """What the followers tell in a metric."""
        return self._registry.get_sample_value(metric) or 0.0

    @asynccontextmanager
    async def running(self, *followers: ArchiveFollower) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in followers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def archive(broker: Broker, namespace: Namespace, results: ResultTopic, stores: Stores) -> Archive:
    return Archive(broker, namespace, results.topic, stores)


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.1)


def manifests(root: Path) -> dict[str, Any]:
    found = [json.loads(path.read_text()) for path in sorted(root.rglob("manifest.json"))]
    return {one["call"]: one for one in found}


def audio(root: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in root.rglob("*.ogg"))


async def test_committed_results_of_hotels_that_archive_are_stored_once_with_a_manifest(
    results: ResultTopic, archive: Archive, root: Path
) -> None:
    first, odd = a_call("call-1"), a_call("../\u00fc/%2F ~", hotel_id="a/b")
    await results.write(*(one.to_record() for one in first[:2]))
    await results.write(*(one.to_record() for one in first[1:]), commit=False)
    async with archive.running(archive.follower()):
        await results.write(first[2].to_record(), *(one.to_record() for one in odd))
        await results.write(*(one.to_record() for one in a_call("private", archive=False)))
        await until(lambda: len(manifests(root)) == 2 and archive.told("audio_archive_lag_seconds") == 0)
    assert audio(root) == sorted(one.audio for one in [*first, *odd])
    assert all(one["complete"] and one["segments"] == 3 for one in manifests(root).values())
    assert archive.told("audio_archived_total") == 6


async def test_a_call_that_never_ends_has_a_manifest_after_a_while_and_a_late_result_comes_into_it(
    results: ResultTopic, archive: Archive, root: Path
) -> None:
    segments = [replace(one, final=False) for one in a_call("call-1", 3)]
    async with archive.running(archive.follower(quiet=0.5)):
        await results.write(segments[0].to_record())
        await until(lambda: bool(manifests(root)))
        await results.write(segments[1].to_record(), segments[2].to_record())
        await until(lambda: manifests(root)["call-1"]["segments"] == 3)


async def test_stores_that_do_not_work_delay_the_archive_and_lose_nothing(
    results: ResultTopic, archive: Archive, root: Path
) -> None:
    failing = FailingStores(archive.stores.pools)
    call = a_call("call-1", 5)
    async with archive.running(archive.follower(failing)):
        await results.write(*(one.to_record() for one in call))
        await until(lambda: archive.told("audio_archive_failures_total") >= 2)
        assert audio(root) == []
        assert archive.told("audio_archive_lag_seconds") > 0
        failing.failing = False
        await until(lambda: bool(manifests(root)) and archive.told("audio_archive_lag_seconds") == 0)
    assert audio(root) == sorted(one.audio for one in call)


async def test_followers_share_the_partitions_and_take_over_from_one_that_dies(
    results: ResultTopic, archive: Archive, root: Path
) -> None:
    calls = [a_call(f"call-{number}", 4) for number in range(12)]
    survivor = archive.follower()
    async with archive.running(survivor):
        async with archive.running(archive.follower()):
            await results.write(*(one.to_record() for call in calls for one in call[:2]))
            await until(lambda: len(audio(root)) == 24)
        await results.write(*(one.to_record() for call in calls for one in call[2:]))
        await until(lambda: sum(one["complete"] for one in manifests(root).values()) == 12)
    assert audio(root) == sorted(one.audio for call in calls for one in call)


async def test_a_group_that_has_begun_goes_on_although_no_policy_archives_any_more(
    results: ResultTopic, archive: Archive, root: Path
) -> None:
    await results.write(*(one.to_record() for one in a_call("call-1")))
    async with archive.running(archive.follower()):
        await until(lambda: bool(manifests(root)))
        while not await commits(archive, results.topic):
            await asyncio.sleep(0.1)
    async with archive.running(archive.follower(wanted=False)):
        await results.write(*(one.to_record() for one in a_call("call-2")))
        await until(lambda: len(manifests(root)) == 2)


async def commits(archive: Archive, topic: str) -> bool:
    async with connected_client(archive.connection) as client:
        found = await fetch_last_committed(
            client, archive_group(archive.group), [TopicPartition(topic, number) for number in range(8)]
        )
    return bool(found)


class Export:
    """The command `export` on the test's topics and stores.

    Attributes:
        where: Options of all commands that name the cluster and the topics.
        out: The directory of the calls.
    """

    def __init__(self, broker: Broker, namespace: Namespace, directory: Path) -> None:
        self.where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
        self.out = directory / "out"

    async def __call__(self, *arguments: str, hotel: str = "seaside") -> tuple[int, dict[str, Any]]:
        """Its exit code, and the manifests that it has written, by call."""
        shutil.rmtree(self.out, ignore_errors=True)
        options = ["--hotel", hotel, "--from", "yesterday", "--out", str(self.out), *arguments, *self.where]
        code = await asyncio.to_thread(export.main, options)
        return code, manifests(self.out)


@pytest.fixture
def exported(
    broker: Broker, namespace: Namespace, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> Export:
    monkeypatch.setenv("AUDIO_STORES", f"file://{root}")
    return Export(broker, namespace, tmp_path)


async def forget(archive: Archive, topic: str, *, keep: int) -> None:
    """Let the topic expire, but for the last offsets of each partition."""
    async with connected_admin(archive.connection) as admin:
        consumer = archive.connection.consumer(topic)
        await consumer.start()
        ends = await consumer.end_offsets(list(consumer.assignment()))
        await consumer.stop()
        await admin.delete_records({place: RecordsToDelete(max(end - keep, 0)) for place, end in ends.items()})


async def test_what_the_topic_has_forgotten_is_exported_from_the_archive_without_doubles(
    results: ResultTopic, archive: Archive, root: Path, exported: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    hotel, odd = "a/b \u00fc", "../../%2F ~."
    pieces = [noise(0.5, seed=number) for number in range(4)]
    about = {"archive": True, "hotel_id": hotel, "call_id": odd, "stream_id": "s", "time": None}
    call = [encoded(piece, FlacEncoder(5), number, final=number == 3, **about) for number, piece in enumerate(pieces)]
    await results.write(*(one.to_record() for one in call))
    await results.write(*(one.to_record() for one in a_call("other", hotel_id="other")))
    code, both = await exported("--format", "as-is", hotel=hotel)
    assert (code, both[odd]["complete"]) == (0, True)
    as_is = {path.name: path.read_bytes() for path in exported.out.rglob("*.flac")}
    async with archive.running(archive.follower()):
        await until(lambda: len(manifests(root)) == 2)
    for keep in (10**6, 3, 0):  # all in both, the last ones in both, all in the archive alone
        await forget(archive, results.topic, keep=keep)
        code, found = await exported("--format", "as-is", "--to", "today", hotel=hotel)
        assert (code, found) == (0, both)
        assert {path.name: path.read_bytes() for path in exported.out.rglob("*.flac")} == as_is
    assert "0 results from the topic, 4 from the archive" in capsys.readouterr().err
    assert (await exported("--call", odd, hotel=hotel))[0] == 0
    [file] = exported.out.rglob("guest.wav")
    samples, _ = soundfile.read(file, dtype="int16", always_2d=True)
    assert (samples == np.concatenate([piece.samples for piece in pieces])).all()


async def test_what_is_missing_or_damaged_in_the_archive_is_told(
    results: ResultTopic, archive: Archive, root: Path, exported: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    await results.write(*(one.to_record() for one in a_call("call-1", 4)))
    async with archive.running(archive.follower()):
        await until(lambda: bool(manifests(root)))
    await forget(archive, results.topic, keep=0)
    files = sorted(root.rglob("*.ogg"))
    files[0].unlink()
    files[1].write_bytes(b"OggS something else")
    files[2].with_suffix(".json").write_text("{")
    code, found = await exported("--format", "as-is")
    assert code == 1
    assert [problem.partition(": ")[2][:22] for problem in found["call-1"]["problems"]] == [
        "segment 2 is missing",
        "segment 0 has no file:",
        "segment 1 has no file:",
    ]
    told = capsys.readouterr().err
    assert "1 call with missing or damaged segments, 1 damaged entry of the archive" in told
    assert await exported("--format", "as-is", hotel="nobody") == (0, {})


async def test_a_store_that_does_not_work_is_told_by_the_export(
    results: ResultTopic, exported: Export, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pool, "DEADLINE", 1.0)
    monkeypatch.setenv("AUDIO_STORES", "s3://hotel-audio?endpoint=http://127.0.0.1:1")
    monkeypatch.setenv("AUDIO_STORES_ACCESS_KEY", "any")
    monkeypatch.setenv("AUDIO_STORES_SECRET_KEY", "thing")
    assert (await exported())[0] == 1
    assert "s3://hotel-audio" in capsys.readouterr().err


async def test_a_result_by_reference_is_archived_kept_by_gc_and_exported(
    results: ResultTopic, archive: Archive, root: Path, exported: Export
) -> None:
    content = b"OggS" + bytes(100_000)
    sha256 = hashlib.sha256(content).hexdigest()
    stored = archive.stores.put(content_key(sha256), content)
    about = {"audio": b"", "data_ref": stored.text, "data_sha256": sha256, "data_bytes": len(content)}
    await results.write(result(0, archive=True, final=True, **about).to_record())
    async with archive.running(archive.follower()):
        await until(lambda: bool(manifests(root)))
    assert manifests(root)["call-1"]["files"] == [stored.text]
    await forget(archive, results.topic, keep=0)
    written = time.time() - 2 * 86_400
    os.utime(root / stored.key, (written, written))
    assert await asyncio.to_thread(stores_command.main, ["gc", *exported.where, "--group", archive.group]) == 0
    code, found = await exported("--format", "as-is")
    assert (code, found["call-1"]["complete"]) == (0, True)
    assert [path.read_bytes() for path in exported.out.rglob("*.ogg")] == [content]
