"""Tables that are damaged or ahead of their changelog are set aside and rebuilt, and no call is affected."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_errors import TopicError
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.sounds import Sample, sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.support.brokers import Broker, Namespace

PROMPTS = 6


def prompts() -> list[Sample]:
    return [sample(0.6, "audio/L16", seed=seed) for seed in range(PROMPTS)]


async def play(oracle: DeliveryOracle, *times: int) -> None:
    """Send every prompt again, in one call; its second occurrence enters the cache."""
    said = [
        segment(said, "call-1", time * PROMPTS + n, channel="prompt")
        for time in times
        for n, said in enumerate(prompts())
    ]
    await oracle.send(said)
    await oracle.collect(60)
    assert oracle.problems() == []


def cached(oracle: DeliveryOracle, time: int) -> list[str | None]:
    """The cache headers of the results of one playing."""
    numbers = range(time * PROMPTS, (time + 1) * PROMPTS)
    return [one.header("ce_cache") for one in oracle.results if int(one.header("ce_sequence") or -1) in numbers]


def set_aside(worker: Worker) -> list[str]:
    return [line["reason"] for line in worker.lines() if line["event"] == "table_set_aside"]


def garble(path: Path) -> None:
    path.write_bytes(b"\x5a" * max(64, path.stat().st_size))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "MANIFEST-*": garble,
    "*.log": Path.unlink,
}


@pytest.mark.parametrize("files", DAMAGES)
async def test_a_damaged_table_is_rebuilt_from_its_changelog(
    worker: Worker, oracle: DeliveryOracle, files: str
) -> None:
    with running(worker):
        await play(oracle, 0, 1)
        await asyncio.to_thread(worker.kill)
        for path in worker.state.rglob(f"*.db/{files}"):
            DAMAGES[files](path)
        worker.start()
        await asyncio.to_thread(worker.wait_ready)
        await play(oracle, 2)
        assert await asyncio.to_thread(worker.stop) == 0
    assert cached(oracle, 1) == ["miss"] * PROMPTS
    assert cached(oracle, 2) == ["hit"] * PROMPTS
    if files != "*.log":  # without its log a database opens in an older state; the changelog completes it
        assert any("orruption" in reason for reason in set_aside(worker))
        assert list(worker.state.rglob("*.set-aside"))


async def test_blocks_that_went_bad_stop_nobody_and_their_table_is_set_aside_at_the_next_start(
    worker: Worker, oracle: DeliveryOracle
) -> None:
    with running(worker):
        await play(oracle, 0, 1)
        assert await asyncio.to_thread(worker.stop) == 0
        # After an orderly end the entries are in table files, whose blocks have checksums; a small file has one block.
        for path in worker.state.rglob("*.db/*.sst"):
            content = bytearray(path.read_bytes())
            content[10:60] = bytes(50)
            path.write_bytes(content)
        worker.start()
        await play(oracle, 2)
        assert await asyncio.to_thread(worker.stop) == 0
        worker.start()
        await play(oracle, 3)
        assert await asyncio.to_thread(worker.stop) == 0
    assert any(line["event"] == "table_damaged" for line in worker.lines())
    assert cached(oracle, 3) == ["hit"] * PROMPTS
    assert "damage was found in it" in set_aside(worker)


async def test_a_table_ahead_of_its_changelog_is_set_aside(
    worker: Worker, oracle: DeliveryOracle, broker: Broker, namespace: Namespace
) -> None:
    with running(worker):
        await play(oracle, 0, 1)
        assert await asyncio.to_thread(worker.stop) == 0
        await remake(broker, namespace, f"{namespace.prefix}{namespace.group}-audio-cache-changelog")
        worker.start()
        await asyncio.to_thread(worker.wait_ready)
        await oracle.send([segment(prompts()[0], "call-1", 2 * PROMPTS, channel="prompt")])
        await oracle.collect(60)
        assert await asyncio.to_thread(worker.stop) == 0
    assert [one.header("ce_cache") for one in oracle.results][-1] == "miss"
    assert any("its changelog ends at 0" in reason for reason in set_aside(worker))


async def remake(broker: Broker, namespace: Namespace, topic: str) -> None:
    """Delete a topic and create it again, empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    async with asyncio.timeout(30):
        while True:
            try:
                await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
            except TopicError:  # the topic is still being deleted
                await asyncio.sleep(0.3)
            else:
                return
