"""Sealed results and their keys on a genuine Kafka: readers open what their keys may open, and say why otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas import CompressedAudio, Rejection
from streams.clients import Call, CompressedAudioConsumer, SealedError
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.stores import Stores, StoresConfiguration
from streams.stores.claim_check import ClaimCheck
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED
from tests.support.sealing import SealedTopics, sealed_topics

WITHIN = 30.0


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace, tmp_path: Path) -> AsyncIterator[SealedTopics]:
    async with sealed_topics(broker, namespace, tmp_path / "keys") as made:
        yield made


def results(count: int, call: str = "call-1") -> list[CompressedAudio]:
    return [
        replace(
            COMPRESSED,
            call_id=call,
            stream_id=f"{call}:any",
            sequence=number,
            causation_id=str(number),
            audio=bytes([number + 1]) * 100,
            final=number == count - 1,
        )
        for number in range(count)
    ]


def consumer_of(broker: Broker, topics: SealedTopics, **options: Any) -> CompressedAudioConsumer:
    return CompressedAudioConsumer(
        broker.bootstrap_servers, topics.results, from_beginning=True, keys=topics.keys, **options
    )


async def receive(consumer: CompressedAudioConsumer, count: int) -> list[CompressedAudio | Rejection]:
    async with asyncio.timeout(WITHIN):
        return [await anext(consumer) for _ in range(count)]


def codes(found: list[CompressedAudio | Rejection]) -> list[str]:
    return [one.code if isinstance(one, Rejection) else "" for one in found]


async def read_on(consumer: CompressedAudioConsumer, result: CompressedAudio) -> None:
    while await consumer.files.read(result):
        await asyncio.sleep(0.02)


async def test_a_consumer_with_the_key_store_reads_sealed_results_as_if_they_were_in_clear(
    broker: Broker, topics: SealedTopics
) -> None:
    sealed, clear = results(3, "sealed"), results(2, "clear")
    await topics.seal([one.to_record() for one in sealed])
    await topics.write(*((topics.results, one.to_record()) for one in clear))

    async with consumer_of(broker, topics, key_store=topics.address) as consumer:
        assert await receive(consumer, 5) == [*sealed, *clear]
        await topics.seal([one.to_record() for one in results(1, "later")])
        assert await receive(consumer, 1) == results(1, "later")
        assert not consumer.unopened


async def test_what_cannot_be_opened_is_told_counted_committed_and_stops_nothing(
    broker: Broker, topics: SealedTopics, namespace: Namespace
) -> None:
    [event] = results(1)
    erased = await topics.seal([event.to_record()])
    await topics.seal([event.to_record()], expires_ms=round(time.time() * 1000))
    unknown = seal_record(event.to_record(), DataKey.new())
    damaged = seal_record(event.to_record(), erased)
    await topics.write((topics.results, unknown))
    await topics.erase(erased)
    living = await topics.seal([])
    damaged = replace(seal_record(event.to_record(), living), value=b"something else")
    await topics.write((topics.results, damaged), (topics.results, seal_record(event.to_record(), living)))
    group = f"{namespace.group}-readers"

    async with consumer_of(broker, topics, key_store=topics.address, group_id=group) as consumer:
        found = await receive(consumer, 5)
        assert codes(found) == ["SealedErased", "SealedExpired", "SealedUnknown", "SealedDamaged", ""]
        assert found[-1] == event
        assert consumer.unopened == dict.fromkeys(codes(found)[:-1], 1)
    await topics.seal([replace(event, sequence=9).to_record()])
    async with consumer_of(broker, topics, key_store=topics.address, group_id=group) as consumer:
        assert await receive(consumer, 1) == [replace(event, sequence=9)]


@pytest.mark.parametrize("given", ["nothing", "no file", "another installation's"])
async def test_without_the_key_store_the_answer_is_that_there_is_no_access(
    broker: Broker, topics: SealedTopics, tmp_path: Path, given: str
) -> None:
    SlotFile.make(tmp_path / "other")
    store = {
        "nothing": None,
        "no file": f"file://{tmp_path}/none",
        "another installation's": f"file://{tmp_path}/other",
    }
    await topics.seal([one.to_record() for one in results(2)])
    await topics.write((topics.results, COMPRESSED.to_record()))

    async with consumer_of(broker, topics, key_store=store[given]) as consumer:
        found = await receive(consumer, 3)
    assert codes(found) == ["SealedNoAccess", "SealedNoAccess", ""]


async def test_a_call_has_its_opened_segments_and_names_those_without_access(
    broker: Broker, topics: SealedTopics
) -> None:
    segments = results(3)
    await topics.seal([one.to_record() for one in segments[:2]])
    foreign = seal_record(segments[2].to_record(), DataKey.new())
    await topics.write((topics.results, foreign))

    async with consumer_of(broker, topics, key_store=topics.address) as consumer, asyncio.timeout(WITHIN):
        call = await anext(consumer.calls())
    assert isinstance(call, Call)
    [track] = call.tracks
    assert [one.result.audio for one in track.segments] == [segments[0].audio, segments[1].audio, b""]
    [problem] = call.problems
    assert "segment 2 cannot be opened: ce_sealkey: leads to a key that the topic of keys has never had" in problem


async def test_large_files_are_opened_from_their_store(broker: Broker, topics: SealedTopics, tmp_path: Path) -> None:
    stores = f"file://{tmp_path}/objects"
    key, content = DataKey.new(), bytes(range(256)) * 10_000
    claim_check = ClaimCheck(Stores.of(replace(StoresConfiguration.parse(stores), checked=False)), inline_limit=1)
    stored = claim_check.store_result(COMPRESSED, content, key=key)
    await topics.seal([stored.to_record()], key)

    async with consumer_of(broker, topics, key_store=topics.address, stores=stores) as consumer:
        [result] = await receive(consumer, 1)
        assert isinstance(result, CompressedAudio)
        assert result.audio == content
        assert await consumer.files.read(stored) == content
        await consumer.files.save(stored, tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == content
        await topics.erase(key)
        with pytest.raises(SealedError, match="was erased"):
            await asyncio.wait_for(read_on(consumer, stored), WITHIN)
