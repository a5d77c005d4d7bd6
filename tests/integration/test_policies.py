"""Policies through a genuine Kafka: read completely at the start, then followed, refused and removed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from schemas import Policy, PolicyEvent, Record
from schemas.topics import POLICY
from streams.compression import DEFAULT_POLICY
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import connected_admin, describe
from streams.kafka.topics import apply_topics
from streams.runtime.policies import PoliciesInForce, PolicyReader
from streams.telemetry.metrics import Metrics
from tests.support.brokers import Broker, Namespace

HOLD = Policy(2, legal_hold=True)


class Rig:
    """A policy reader and its topic."""

    def __init__(self, broker: Broker, namespace: Namespace) -> None:
        self.servers = broker.bootstrap_servers
        self.topic = f"{namespace.prefix}{POLICY}"
        self.policies = PoliciesInForce()
        self.metrics = Metrics()

    async def publish(self, *records: Record) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.servers) as producer:
            for record in records:
                await producer.send_and_wait(self.topic, record.value, key=record.key)

    async def delete_topic(self) -> None:
        async with connected_admin(KafkaConnection(self.servers)) as admin:
            await admin.delete_topics([self.topic])
            while await describe(admin, [self.topic]):
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[PolicyReader]:
        reader = PolicyReader(KafkaConnection(self.servers), self.topic, self.policies, self.metrics)
        task = asyncio.create_task(reader.run())
        try:
            await asyncio.wait_for(reader.wait_loaded(), 20)
            yield reader
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def refused(self, code: str) -> float:
        return self.metrics.registry.get_sample_value("audio_policies_refused_total", {"code": code}) or 0


@pytest.fixture
async def rig(broker: Broker, namespace: Namespace) -> Rig:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return Rig(broker, namespace)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_an_empty_topic_is_read_at_once(rig: Rig) -> None:
    async with rig.reading() as reader:
        assert reader.loaded
        assert rig.policies.of("anyone") == DEFAULT_POLICY


async def test_everything_there_is_known_when_it_is_loaded(rig: Rig) -> None:
    hotels = [f"hotel-{number}" for number in range(500)]
    await rig.publish(*(PolicyEvent(hotel, Policy(1, min_quality=4.0)).to_record() for hotel in hotels))
    async with rig.reading():
        assert len(rig.policies) == 500
        assert {rig.policies.of(hotel).min_quality for hotel in hotels} == {4.0}


async def test_changes_are_followed_and_bad_ones_refused(rig: Rig) -> None:
    await rig.publish(PolicyEvent("seaside", HOLD).to_record())
    async with rig.reading():
        assert rig.policies.of("seaside") == HOLD
        await rig.publish(
            Record(b"seaside", b'{"version": 3, "hotel": "seaside", "legalHold": "no"}'),
            Record(b"seaside", b"\xff\xfe"),
            Record(b"seaside", b'{"version": 3, "hotel": "other"}'),
            PolicyEvent("seaside", Policy(2)).to_record(),
            PolicyEvent("seaside", Policy(1)).to_record(),
            PolicyEvent("lisbon", Policy(1)).to_record(),
        )
        await until(lambda: rig.policies.of("lisbon").version == 1)
        assert rig.policies.of("seaside") == HOLD
        assert (rig.refused("BadPolicy"), rig.refused("StalePolicy")) == (3, 2)
        await rig.publish(PolicyEvent("seaside", Policy(3)).to_record())
        await until(lambda: rig.policies.of("seaside") == Policy(3))


async def test_what_is_in_force_is_told_with_how_far_the_topic_was_read(rig: Rig) -> None:
    await rig.publish(PolicyEvent("seaside", HOLD).to_record(), PolicyEvent("lisbon", None).to_record())
    async with rig.reading() as reader:
        told = {"loaded": True, "next_offsets": {0: 2}}
        assert reader.report("seaside") == {"hotel": "seaside", "version": 2, **told}
        assert reader.report("lisbon") == {"hotel": "lisbon", "version": None, **told}


async def test_a_tombstone_removes(rig: Rig) -> None:
    await rig.publish(PolicyEvent("seaside", HOLD).to_record())
    async with rig.reading():
        await rig.publish(PolicyEvent("seaside", None).to_record())
        await until(lambda: rig.policies.of("seaside") == DEFAULT_POLICY)
        await rig.publish(PolicyEvent("seaside", Policy(1)).to_record())
        await until(lambda: rig.policies.of("seaside") == Policy(1))


async def test_aborted_policies_were_never_there(rig: Rig, namespace: Namespace) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=rig.servers, transactional_id=f"{namespace.group}-policies"
    ) as producer:
        await producer.begin_transaction()
        record = PolicyEvent("seaside", HOLD).to_record()
        await producer.send_and_wait(rig.topic, record.value, key=record.key)
        await producer.abort_transaction()
    async with rig.reading():
        assert rig.policies.of("seaside") == DEFAULT_POLICY


async def test_a_topic_that_is_made_again_is_read_from_its_beginning_and_nothing_is_lost_meanwhile(
    rig: Rig, broker: Broker, namespace: Namespace
) -> None:
    where = (KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    await rig.publish(PolicyEvent("seaside", Policy(5)).to_record(), PolicyEvent("lisbon", Policy(1)).to_record())
    async with rig.reading() as reader:
        await rig.delete_topic()
        await until(lambda: not reader.loaded)
        assert rig.policies.of("anyone").legal_hold
        await apply_topics(*where)
        await rig.publish(PolicyEvent("seaside", HOLD).to_record())
        await until(lambda: reader.loaded and rig.policies.of("seaside") == HOLD)
        assert rig.policies.of("anyone") == DEFAULT_POLICY
        assert rig.policies.of("lisbon").legal_hold
        assert rig.metrics.registry.get_sample_value("audio_policies_awaited") == 1
        await rig.publish(PolicyEvent("lisbon", Policy(1)).to_record())
        await until(lambda: rig.policies.of("lisbon") == Policy(1))
        assert rig.metrics.registry.get_sample_value("audio_policies_awaited") == 0


async def test_a_topic_that_is_another_one_at_the_next_look_is_noticed_as_well(
    rig: Rig, broker: Broker, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.publish(PolicyEvent("seaside", Policy(5)).to_record())
    async with rig.reading() as reader:
        monkeypatch.setattr("streams.runtime.policies._CHECK_INTERVAL", 8.0)  # it is deleted and created again in less
        await rig.delete_topic()
        await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
        await rig.publish(PolicyEvent("seaside", HOLD).to_record())
        await until(lambda: reader.loaded and rig.policies.of("seaside") == HOLD)


async def test_no_broker_ends_the_reader() -> None:
    reader = PolicyReader(KafkaConnection("127.0.0.1:1"), "audio.policy", PoliciesInForce(), Metrics())
    with pytest.raises(KafkaConnectionError):
        await asyncio.wait_for(reader.run(), 30)
