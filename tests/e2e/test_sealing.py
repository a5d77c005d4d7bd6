"""Workers that seal: what is in the topics, who can open it, and what happens without keys."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer

from schemas import Policy, PolicyEvent, RawAudio, Record, Rejection
from schemas.topics import KEYS, POLICY
from streams.kafka.connection import KafkaConnection
from streams.sealing import KeyRing
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import is_sealed, open_record, seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner, erased_mark
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace
from tests.support.events import RAW
from tests.support.outcomes import Found, outcomes


def event(call: str, hotel: str = RAW.hotel_id) -> RawAudio:
    return RawAudio(f"id-{call}", RAW.source, hotel, call, RAW.media_type, RAW.audio)


def refused(call: str) -> Record:
    record = event(call).to_record()
    return Record(record.key, b"RIFF" + bytes(100), tuple(one for one in record.headers if one[0] != "ce_type"))


def record_of(found: Found) -> Record:
    message = found.message
    return Record(message.key, message.value, tuple(message.headers), message.timestamp)


class Installation:
    def __init__(self, broker: Broker, namespace: Namespace, worker: Worker, store: Path) -> None:
        self.broker = broker
        self.namespace = namespace
        self.worker = worker
        self.store = store

    async def send(self, *records: Record, topic: str = "audio.raw", partition: int = 3) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.broker.bootstrap_servers) as producer:
            for one in records:
                await producer.send_and_wait(
                    f"{self.namespace.prefix}{topic}",
                    one.value,
                    key=one.key,
                    headers=list(one.headers),
                    partition=partition if topic != POLICY else 0,
                )

    async def outcomes(self, number: int) -> list[Found]:
        prefix = self.namespace.prefix
        found = await outcomes(self.broker.bootstrap_servers, prefix, lambda found: len(found) >= number, within=60)
        assert len(found) == number
        return sorted(found, key=lambda one: one.offset)

    @asynccontextmanager
    async def ring(self) -> AsyncIterator[KeyRing]:
        connection = KafkaConnection(self.broker.bootstrap_servers)
        ring = KeyRing(connection, f"{self.namespace.prefix}{KEYS}", lambda: SlotFile(self.store))
        await ring.start()
        try:
            yield ring
        finally:
            await ring.stop()


def installed(broker: Broker, namespace: Namespace, directory: Path, **settings: str) -> Installation:
    store = directory / "keys"
    worker = Worker(
        broker.bootstrap_servers,
        namespace.prefix,
        namespace.group,
        directory,
        AUDIO_KEY_STORE=f"file://{store}",
        **settings,
    )
    return Installation(broker, namespace, worker, store)


async def test_results_and_dead_letters_are_sealed_and_open_as_they_would_be_in_clear(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None
) -> None:
    here = installed(broker, namespace, tmp_path, AUDIO_SEALING="on")
    SlotFile.make(here.store)
    inputs = [event("call-1").to_record(), event("call-1").to_record(), event("call-2").to_record(), refused("call-3")]
    with running(here.worker):
        await here.send(*inputs)
        found = await here.outcomes(4)
        async with here.ring() as ring:
            opened = [open_record(record_of(one), ring.find) for one in found]
    assert all(is_sealed(record_of(one)) for one in found)
    keys = [one.header("ce_sealkey") for one in found]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert not any(name == "ce_pcmsha256" for one in found for name, _ in record_of(one).headers)
    assert not any(isinstance(one, Rejection) for one in opened)
    results = [one for one in opened[:3] if isinstance(one, Record)]
    assert len({one.value for one in results}) == 1
    assert (results[0].value or b"").startswith((b"OggS", b"fLaC", b"RIFF"))
    assert isinstance(opened[3], Record)
    assert opened[3].value == inputs[3].value


async def test_a_policy_seals_one_hotel_and_without_a_key_store_its_results_wait(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None
) -> None:
    here = installed(broker, namespace, tmp_path)
    with running(here.worker):
        await here.send(event("open", hotel="open").to_record())
        (clear,) = await here.outcomes(1)
        assert not is_sealed(record_of(clear))
        policy = PolicyEvent("sealed", Policy(version=1, sealed=True)).to_record()
        await here.send(policy, topic=POLICY)
        await until(lambda: '"keys_known": false' in here.worker.get("/health/ready")[1])
        await here.send(event("sealed", hotel="sealed").to_record())
        await until(lambda: any(line.get("event") == "keys_awaited" for line in here.worker.lines()))
        await here.outcomes(1)
        SlotFile.make(here.store)
        found = await here.outcomes(2)
        await until(lambda: "audio_keys_living 1.0" in here.worker.get("/metrics")[1].splitlines())
        assert here.worker.alive
    assert [is_sealed(record_of(one)) for one in found] == [False, True]


async def test_a_sealed_input_is_opened_and_an_erased_one_is_an_ordinary_event(
    broker: Broker, namespace: Namespace, tmp_path: Path, topics: None
) -> None:
    here = installed(broker, namespace, tmp_path, AUDIO_REQUIRE_SEALED_INPUT="on")
    store = SlotFile.make(here.store)
    living, erased, unknown = DataKey.new(), DataKey.new(), DataKey.new()
    async with here.ring() as ring:
        epoch = ring.newest
        assert not isinstance(epoch, str)
        wrapped = epoch.wrap(living, Owner(RAW.hotel_id, "a"), created_ms=1, expires_ms=0)  # type: ignore[union-attr]
    assert store.epochs() == (1,)
    await here.send(Record(living.id, wrapped), Record(erased.id, erased_mark(1)), topic=KEYS)
    with running(here.worker):
        await here.send(
            seal_record(event("a").to_record(), living),
            seal_record(event("b").to_record(), erased),
            seal_record(event("c").to_record(), unknown),
            event("d").to_record(),
        )
        found = await here.outcomes(3)
        await until(lambda: 'audio_inputs_gone_total{code="SealedErased"} 1.0' in here.worker.get("/metrics")[1])
    assert [(one.offset, one.code) for one in found] == [
        (0, None),
        (2, "SealedUnknown"),
        (3, "SealedInputRequired"),
    ]


async def until(holds: Callable[[], bool], within: float = 40.0) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
