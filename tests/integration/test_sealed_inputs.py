"""Producers seal before they send: nothing is in clear on its way, and no input comes without its key."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiokafka import ConsumerRecord

from schemas import RawAudio, Record
from schemas.topics import KEYS, RAW, RECORDINGS
from scripts.commands import emit
from streams.clients import KeysUnavailableError, RawAudioProducer
from streams.clients.messages import record_of
from streams.clients.topic_reader import TopicReader
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.sealing import KeyRing
from streams.security.sealing.missing import Missing
from streams.security.sealing.sealed_record import is_sealed, open_record
from streams.security.sealing.slot_file import SlotFile
from streams.stores import Stores, StoresConfiguration
from streams.stores.claim_check import ClaimCheck
from tests.support.brokers import Broker, Namespace
from tests.support.events import RAW as EVENT
from tests.support.keys import new_store

SECRET = b"what somebody said to the desk"


@pytest.fixture
async def prefix(broker: Broker, namespace: Namespace) -> str:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return namespace.prefix


@pytest.fixture
def store(tmp_path: Path) -> SlotFile:
    return new_store(tmp_path)


@pytest.fixture
async def ring(broker: Broker, prefix: str, store: SlotFile) -> AsyncIterator[KeyRing]:
    made = KeyRing(KafkaConnection(broker.bootstrap_servers), f"{prefix}{KEYS}", lambda: store)
    yield made
    await made.stop()


def producer_of(broker: Broker, prefix: str, directory: Path, **options: timedelta | str) -> RawAudioProducer:
    return RawAudioProducer(
        broker.bootstrap_servers,
        f"{prefix}{RAW}",
        recordings=f"{prefix}{RECORDINGS}",
        keys=f"{prefix}{KEYS}",
        seal=f"file://{directory}/keys",
        **options,  # type: ignore[arg-type]  # few of them are given here
    )


async def messages(broker: Broker, topic: str) -> list[ConsumerRecord]:
    async with TopicReader(broker.bootstrap_servers, topic) as reader:
        return [one async for one in reader.between(*await reader.bounds())]


def opened(message: ConsumerRecord, ring: KeyRing) -> RawAudio:
    record = open_record(record_of(message), ring.find)
    assert isinstance(record, Record), record
    event = RawAudio.from_record(record)
    assert isinstance(event, RawAudio), event
    return event


async def test_inputs_arrive_sealed_in_order_each_after_the_key_of_its_call(
    broker: Broker, prefix: str, tmp_path: Path, store: SlotFile, ring: KeyRing
) -> None:
    events = [
        replace(EVENT, call_id=f"call-{number % 3}", sequence=number // 3, audio=SECRET * 8, guest_ref="g-7f3a9c2e")
        for number in range(30)
    ]
    async with producer_of(broker, prefix, tmp_path) as producer:
        positions = await asyncio.gather(*[await producer.send_soon(event) for event in events])
    inputs, keys = await messages(broker, f"{prefix}{RAW}"), await messages(broker, f"{prefix}{KEYS}")
    await ring.start()

    assert len(keys) == 3, "one for each call"
    for message in inputs:
        assert is_sealed(record_of(message))
        text = b"".join((message.value, *(value or b"" for _, value in message.headers)))
        assert SECRET not in text
        assert b"g-7f3a9c2e" not in text
    places = {one.key: one for one in keys}
    for message in inputs:
        key = places[bytes.fromhex(dict(message.headers)["ce_sealkey"].decode())]
        assert key.partition == message.partition
        assert key.timestamp <= message.timestamp, "the key was there before"
    for call in ("call-0", "call-1", "call-2"):
        expected = [one for one in events if one.call_id == call]
        assert [opened(one, ring) for one in inputs if one.key == call.encode()] == expected
    assert {(one.topic, one.partition, one.offset) for one in positions} == {
        (one.topic, one.partition, one.offset) for one in inputs
    }


async def test_a_large_input_is_sealed_in_its_store(
    broker: Broker, prefix: str, tmp_path: Path, store: SlotFile, ring: KeyRing
) -> None:
    stores, path = f"file://{tmp_path}/objects", tmp_path / "recording"
    path.write_bytes(SECRET * 100_000)
    async with producer_of(broker, prefix, tmp_path, stores=stores) as producer:
        await producer.send(replace(EVENT, audio=b""), path)
    [message] = await messages(broker, f"{prefix}{RECORDINGS}")
    await ring.start()

    event = opened(message, ring)
    [lying] = [one for one in (tmp_path / "objects").rglob("*") if one.is_file()]
    assert SECRET not in lying.read_bytes()
    claim_check = ClaimCheck(Stores.of(replace(StoresConfiguration.parse(stores), checked=False)), find=ring.find)
    assert claim_check.fetch_input(event, tmp_path / "fetched") == path.stat().st_size
    assert (tmp_path / "fetched").read_bytes() == path.read_bytes()


async def test_what_is_sealed_for_a_time_expires(
    broker: Broker, prefix: str, tmp_path: Path, store: SlotFile, ring: KeyRing
) -> None:
    async with producer_of(broker, prefix, tmp_path, retention=timedelta(milliseconds=1)) as producer:
        await producer.send(EVENT)
    [key] = await messages(broker, f"{prefix}{KEYS}")
    await ring.start()
    assert ring.find(key.key) is Missing.EXPIRED


async def test_without_the_key_store_nothing_is_sent(broker: Broker, prefix: str, tmp_path: Path) -> None:
    async with producer_of(broker, prefix, tmp_path) as producer:
        with pytest.raises(KeysUnavailableError, match="nothing is sealed, and nothing sent"):
            await producer.send(EVENT)
        new_store(tmp_path)
        await producer.send(EVENT)
    assert len(await messages(broker, f"{prefix}{RAW}")) == 1


async def test_emit_seals(
    broker: Broker, prefix: str, tmp_path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_KEY_STORE", f"file://{tmp_path}/keys")
    path = tmp_path / "call.wav"
    soundfile.write(path, np.zeros(8000, np.int16), 8000)
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", prefix]
    options = ["--hotel", "seaside", "--sealed", "--guest", "g-1", str(path), *where]
    assert await asyncio.to_thread(emit.main, options) == 0
    await ring.start()
    found = [opened(one, ring) for one in await messages(broker, f"{prefix}{RAW}")]
    assert found
    assert {(one.call_id, one.guest_ref) for one in found} == {("call", "g-1")}
