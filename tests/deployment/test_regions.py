"""An active and a standby region, mirrored by MirrorMaker 2: one is lost while calls flow, the other takes over."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from schemas.topics import load_topics
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.reading import committed_offsets
from tests.chaos.records import RAW, PlannedInput
from tests.chaos.workload import calls
from tests.deployment.regions import Found, Region, Sender
from tests.support.brokers import Namespace

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("regions"), pytest.mark.timeout(900)]

PER_SECOND = 25
ENOUGH = 250  # outcomes in the second region
OFFSETS_S = 12.0  # within which offsets are noted and written, five seconds each; nothing shows when
POLICY = "version: 1\nhotel: lisbon\naccept: [audio/flac]\n"
WITHIN_S = 180


@pytest.fixture
def regions(tmp_path: Path, namespace: Namespace) -> Iterator[tuple[Region, Region]]:
    """Two running regions with their topics, and no worker yet."""
    first, second = (Region(tmp_path / name, namespace.prefix, namespace.group) for name in ("first", "second"))
    both = first, second
    try:
        for region in both:
            region.start()
            asyncio.run(apply_topics(KafkaConnection(region.servers), namespace.prefix, namespace.group))
        yield both
    finally:
        for region in both:
            region.remove()


def lost(first: Region, second: Region, sender: Sender) -> Found:
    """Calls flow through the first region, it is lost, and the second one takes over."""
    with first.mirrored_to(second):
        first.worker.start()
        first.worker.wait_ready()
        done = first.command("policy", "set", "--hotel", "lisbon", "--ceiling-level", "4")
        assert done.returncode == 0, done.stdout + done.stderr
        first.all_copied_to(second, WITHIN_S)
        asyncio.run(until_lost(first, second, sender))
    second.worker.start()
    second.worker.wait_ready()
    began = time.monotonic()
    found = asyncio.run(second.wait_for(sender.plan, lambda seen: not seen.without_outcome, WITHIN_S))
    print(f"the second region's worker had caught up {time.monotonic() - began:.1f} s after it was ready")
    return found


async def until_lost(first: Region, second: Region, sender: Sender) -> None:
    sending = asyncio.create_task(sender.send(first, PER_SECOND))
    await second.wait_for(sender.plan, lambda seen: len(seen.outcomes) > ENOUGH, WITHIN_S)
    await until_offsets_are_known(second)
    assert not sending.done(), "the region has to be lost while calls flow"
    await asyncio.to_thread(first.kill)
    sending.cancel()
    await asyncio.wait([sending])


async def until_offsets_are_known(region: Region) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            with contextlib.suppress(KafkaError):  # a busy broker may be without a leader for a moment
                if await committed_offsets(region.servers, region.group, f"{region.prefix}{RAW}"):
                    return
            await asyncio.sleep(0.5)


def plan(seed: int, count: int, name: int = 0) -> list[PlannedInput]:
    """Calls of which no input is sent twice."""
    return list({planned.number: planned for planned in calls(count, seed=seed, name=name)}.values())


def test_a_region_is_lost_and_the_other_takes_over(regions: tuple[Region, Region]) -> None:
    first, second = regions
    sender = Sender(plan(21, 4000))
    found = lost(first, second, sender)
    missing = sender.acknowledged - set(found.inputs)
    others = [one for one in found.doubled.values() if len({record.header("ce_id") for record in one}) > 1]
    print(f"{len(sender.acknowledged)} acknowledged, {len(missing)} of them not mirrored; {len(found.inputs)} mirrored")
    print(f"{len(found.doubled)} doubled, {len(others)} of them encoded otherwise")
    print(f"{len(set(found.outcomes) - set(found.inputs))} outcomes came without their input")
    assert found.without_outcome == set()
    assert found.mistakes() == []
    assert len(missing) < 10 * PER_SECOND
    assert len(found.doubled) < len(found.inputs), "the group began anew, not where it was"
    shown = second.command("policy", "show", "--hotel", "lisbon")
    assert "4" in shown.stdout, shown.stdout + shown.stderr


def test_a_lost_region_returns_and_becomes_the_active_one_again(regions: tuple[Region, Region]) -> None:
    first, second = regions
    sender = Sender(plan(22, 4000))
    lost(first, second, sender)
    first.start()
    with first.mirrored_to(second):
        first.all_copied_to(second, WITHIN_S)
    found = asyncio.run(second.wait_for(sender.plan, lambda seen: not seen.without_outcome, WITHIN_S))
    assert sender.acknowledged <= set(found.inputs)
    assert found.mistakes() == []
    asyncio.run(emptied(first))
    with second.mirrored_to(first):
        second.all_copied_to(first, WITHIN_S)
        asyncio.run(until_offsets_are_known(first))
        second.all_copied_to(first, WITHIN_S)
        assert second.worker.stop() == 0
        second.all_copied_to(first, WITHIN_S)
        time.sleep(OFFSETS_S)
    first.worker.start()
    first.worker.wait_ready()
    later = Sender(plan(23, 100, name=1))
    asyncio.run(later.send(first, PER_SECOND))
    everything = [*sender.plan, *later.plan]
    now = asyncio.run(first.wait_for(everything, lambda seen: seen.inputs != [] and not seen.without_outcome, WITHIN_S))
    print(f"after the way back: {len(now.doubled)} doubled, {len(found.doubled)} of them before")
    assert set(now.inputs) == set(found.inputs) | {planned.number for planned in later.plan}
    assert now.mistakes() == []


async def emptied(region: Region) -> None:
    """Delete all topics of a region that becomes the standby, and make them anew."""
    connection = KafkaConnection(region.servers)
    topics = [spec.resolve(region.prefix, region.group) for spec in load_topics()]
    admin = connection.admin()
    await admin.start()
    try:
        await admin.delete_topics(topics)
        while set(topics) & set(await admin.list_topics()):
            await asyncio.sleep(0.5)
    finally:
        await admin.close()
    await apply_topics(connection, region.prefix, region.group)
