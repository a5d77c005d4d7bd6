"""The topic of keys on a genuine Kafka: what is found in it, and when nothing is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas import Record
from schemas.topics import KEYS, topic
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.sealing import KeyRing
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStoreError
from streams.security.sealing.missing import Missing
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import erased_mark
from tests.support.brokers import Broker, Namespace
from tests.support.keys import key_record, new_store

PARTITIONS = 8


@pytest.fixture
def connection(broker: Broker) -> KafkaConnection:
    return KafkaConnection(broker.bootstrap_servers)


@pytest.fixture
async def name(connection: KafkaConnection, namespace: Namespace) -> str:
    await apply_topics(connection, namespace.prefix, namespace.group)
    return topic(KEYS).resolve(namespace.prefix, namespace.group)


@pytest.fixture
def store(tmp_path: Path) -> SlotFile:
    return new_store(tmp_path)


@pytest.fixture
async def producer(connection: KafkaConnection, namespace: Namespace) -> AsyncIterator[AIOKafkaProducer]:
    made = connection.producer(transactional_id=f"{namespace.prefix}keys")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def ring(connection: KafkaConnection, name: str, store: SlotFile) -> AsyncIterator[KeyRing]:
    made = KeyRing(connection, name, lambda: SlotFile(store.path))
    yield made
    await made.stop()


async def write(producer: AIOKafkaProducer, name: str, *records: Record) -> None:
    async with producer.transaction():
        for number, record in enumerate(records):
            await producer.send_and_wait(name, key=record.key, value=record.value, partition=number % PARTITIONS)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_all_keys_are_found_and_followed(
    ring: KeyRing, producer: AIOKafkaProducer, name: str, store: SlotFile
) -> None:
    keys = [DataKey.new() for _ in range(20)]
    await write(producer, name, *(key_record(store, key) for key in keys))
    assert ring.find(keys[0].id) is Missing.STALE
    assert not ring.ready()

    await ring.start()
    await until(lambda: len(ring) == len(keys))
    assert [ring.find(key.id) for key in keys] == keys
    assert ring.ready()
    assert ring.problem is None
    assert ring.find(DataKey.new().id) is Missing.UNKNOWN

    later = DataKey.new()
    await write(producer, name, key_record(store, later))
    await until(lambda: ring.find(later.id) == later)
    await write(producer, name, Record(keys[0].id, erased_mark(1)))
    await until(lambda: ring.is_erased(keys[0].id))
    assert ring.find(keys[0].id) is Missing.ERASED


async def test_a_key_counts_when_its_transaction_is_committed(
    ring: KeyRing, producer: AIOKafkaProducer, name: str, store: SlotFile
) -> None:
    aborted, committed = DataKey.new(), DataKey.new()
    await ring.start()
    await producer.begin_transaction()
    await producer.send_and_wait(name, key=aborted.id, value=key_record(store, aborted).value, partition=0)
    await producer.abort_transaction()
    await write(producer, name, key_record(store, committed))
    await until(lambda: ring.find(committed.id) == committed)
    assert ring.find(aborted.id) is Missing.UNKNOWN


async def test_an_open_transaction_makes_no_view_stale(
    ring: KeyRing, producer: AIOKafkaProducer, name: str, store: SlotFile
) -> None:
    await ring.start()
    key = DataKey.new()
    await producer.begin_transaction()
    await producer.send_and_wait(name, key=key.id, value=key_record(store, key).value, partition=0)
    looked = ring.looks
    await until(lambda: ring.looks > looked + 1)
    assert ring.find(key.id) is Missing.UNKNOWN
    await producer.commit_transaction()
    await until(lambda: ring.find(key.id) == key)


async def test_keys_of_a_new_epoch_are_found_and_those_of_a_destroyed_one_are_not(
    ring: KeyRing, producer: AIOKafkaProducer, name: str, store: SlotFile
) -> None:
    await ring.start()
    old, new = DataKey.new(), DataKey.new()
    old_record = key_record(store, old)
    store.create(2)
    await write(producer, name, old_record, key_record(store, new))
    await until(lambda: ring.find(new.id) == new)
    await until(lambda: ring.find(old.id) == old)
    store.destroy(1)
    await until(lambda: ring.find(old.id) is Missing.ERASED)
    assert ring.find(new.id) == new


async def test_a_damaged_record_stops_nothing(
    ring: KeyRing, producer: AIOKafkaProducer, name: str, store: SlotFile, caplog: pytest.LogCaptureFixture
) -> None:
    await ring.start()
    key = DataKey.new()
    await write(producer, name, Record(b"short", b"x"))
    await write(producer, name, Record(key.id, b"rubbish"))
    await write(producer, name, key_record(store, key))
    await until(lambda: ring.find(key.id) == key)
    assert len([one for one in caplog.messages if f"{name}-0" in one]) == 2


async def test_a_key_store_that_goes_and_comes_back(
    ring: KeyRing, producer: AIOKafkaProducer, name: str, store: SlotFile
) -> None:
    key = DataKey.new()
    await write(producer, name, key_record(store, key))
    await ring.start()
    await until(lambda: ring.find(key.id) == key)
    away = store.path.with_name("away")
    store.path.rename(away)
    await until(lambda: ring.find(key.id) is Missing.NO_ACCESS)
    assert ring.problem is not None
    assert str(store.path) in ring.problem
    away.rename(store.path)
    await until(lambda: ring.find(key.id) == key)


async def test_a_reader_without_key_store_or_topic_is_told(
    connection: KafkaConnection, name: str, store: SlotFile, tmp_path: Path
) -> None:
    with pytest.raises(KeyStoreError, match="No such file"):
        await KeyRing(connection, name, lambda: SlotFile(tmp_path / "missing")).start()


async def test_a_worker_waits_for_its_key_store(connection: KafkaConnection, name: str, tmp_path: Path) -> None:
    ring = KeyRing(connection, name, lambda: SlotFile(tmp_path / "later"))
    task = asyncio.create_task(ring.run())
    try:
        await until(lambda: ring.problem is not None and "later" in ring.problem)
        assert ring.newest is Missing.NO_ACCESS
        SlotFile.make(tmp_path / "later")
        await until(ring.ready)
        assert not isinstance(ring.newest, Missing)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_brokers_that_do_not_answer_are_told(name: str, store: SlotFile) -> None:
    with pytest.raises(KafkaError, match="cannot be read"):
        await KeyRing(KafkaConnection("127.0.0.1:1"), name, lambda: store).start()
