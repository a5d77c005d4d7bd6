"""The archive on a genuine Kafka: committed results alone, each once, whatever happens to those who write it."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from streams.archive.follower import archive_group
from streams.kafka.connected_client import connected_client
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.stores import Stores, StoreUnavailableError
from tests.support.archives import Archive, a_call, audio, manifests, until
from tests.support.result_topic import ResultTopic


class FailingStores(Stores):
    """Stores that do not work for a while."""

    failing = True

    def put(self, key: str, content: bytes | Path) -> Any:
        if self.failing:
            raise StoreUnavailableError("the store does not answer")
        return super().put(key, content)


async def test_committed_results_of_hotels_that_archive_are_stored_once_with_a_manifest(
    results: ResultTopic, archive: Archive
) -> None:
    first, odd = a_call("call-1"), a_call("../\u00fc/%2F ~", hotel_id="a/b")
    await results.write(*(one.to_record() for one in first[:2]))
    await results.write(*(one.to_record() for one in first[1:]), commit=False)
    async with archive.running(archive.follower()):
        await results.write(first[2].to_record(), *(one.to_record() for one in odd))
        await results.write(*(one.to_record() for one in a_call("private", archive=False)))
        await until(lambda: len(manifests(archive.root)) == 2 and archive.told("audio_archive_lag_seconds") == 0)
    assert audio(archive.root) == sorted(one.audio for one in [*first, *odd])
    assert all(one["complete"] and one["segments"] == 3 for one in manifests(archive.root).values())
    assert archive.told("audio_archived_total") == 6


async def test_a_call_that_never_ends_has_a_manifest_after_a_while_and_a_late_result_comes_into_it(
    results: ResultTopic, archive: Archive
) -> None:
    segments = [replace(one, final=False) for one in a_call("call-1", 3)]
    async with archive.running(archive.follower(quiet=0.5)):
        await results.write(segments[0].to_record())
        await until(lambda: bool(manifests(archive.root)))
        await results.write(segments[1].to_record(), segments[2].to_record())
        await until(lambda: manifests(archive.root)["call-1"]["segments"] == 3)


async def test_stores_that_do_not_work_delay_the_archive_and_lose_nothing(
    results: ResultTopic, archive: Archive
) -> None:
    failing = FailingStores(archive.stores.pools)
    call = a_call("call-1", 5)
    async with archive.running(archive.follower(failing)):
        await results.write(*(one.to_record() for one in call))
        await until(lambda: archive.told("audio_archive_failures_total") >= 2)
        assert audio(archive.root) == []
        assert archive.told("audio_archive_lag_seconds") > 0
        failing.failing = False
        await until(lambda: bool(manifests(archive.root)) and archive.told("audio_archive_lag_seconds") == 0)
    assert audio(archive.root) == sorted(one.audio for one in call)


async def test_followers_share_the_partitions_and_take_over_from_one_that_dies(
    results: ResultTopic, archive: Archive
) -> None:
    calls = [a_call(f"call-{number}", 4) for number in range(12)]
    survivor = archive.follower()
    async with archive.running(survivor):
        async with archive.running(archive.follower()):
            await results.write(*(one.to_record() for call in calls for one in call[:2]))
            await until(lambda: len(audio(archive.root)) == 24)
        await results.write(*(one.to_record() for call in calls for one in call[2:]))
        await until(lambda: sum(one["complete"] for one in manifests(archive.root).values()) == 12)
    assert audio(archive.root) == sorted(one.audio for call in calls for one in call)


async def test_a_group_that_has_begun_goes_on_although_no_policy_archives_any_more(
    results: ResultTopic, archive: Archive
) -> None:
    await results.write(*(one.to_record() for one in a_call("call-1")))
    async with archive.running(archive.follower()):
        await until(lambda: bool(manifests(archive.root)))
        while not await commits(archive, results.topic):
            await asyncio.sleep(0.1)
    async with archive.running(archive.follower(wanted=False)):
        await results.write(*(one.to_record() for one in a_call("call-2")))
        await until(lambda: len(manifests(archive.root)) == 2)


async def commits(archive: Archive, topic: str) -> bool:
    async with connected_client(archive.connection) as client:
        found = await fetch_last_committed(
            client, archive_group(archive.group), [TopicPartition(topic, number) for number in range(8)]
        )
    return bool(found)
