"""The oracle finds inputs of third-party clients at the reported positions, also ones that cannot be decoded."""

import random
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from tests.chaos.foreign import CLIENTS
from tests.chaos.odd_inputs import batch_with_bad_name, odd_calls
from tests.chaos.oracle import Oracle
from tests.chaos.records import PARTITIONS, RAW, Place
from tests.chaos.topic_settings import WRITERS_TIMES, alter
from tests.support.brokers import Broker, Namespace


@pytest.fixture
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def topic(broker: Broker, namespace: Namespace, admin: AIOKafkaAdminClient) -> str:
    """``audio.raw`` with senders' timestamps and senders' compression."""
    name = f"{namespace.prefix}{RAW}"
    await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs={"max.message.bytes": "9437184"})])
    alter(broker.bootstrap_servers, namespace.prefix, {RAW: WRITERS_TIMES[RAW]})
    return name


async def test_inputs_of_all_clients_stand_where_they_were_confirmed(
    broker: Broker, namespace: Namespace, topic: str
) -> None:
    oracle = Oracle(broker.bootstrap_servers, namespace.prefix)
    chance = random.Random(1)
    plans = {name: odd_calls(12, chance) for name in CLIENTS}
    for name, plan in plans.items():
        await oracle.send_by(CLIENTS[name], plan)
    sent = {place: one.planned.message for place, one in oracle.acknowledged.items()}
    log = await oracle.take_log()

    assert len(sent) > 0.9 * sum(len(plan) for plan in plans.values())
    assert {Place(one.partition, one.offset): (one.key, one.value, one.headers) for one in log} == {
        place: (message.key, message.value, message.headers) for place, message in sent.items()
    }
    assert await oracle.take_log() == []


async def test_a_batch_with_a_name_that_is_not_utf_8_is_read(broker: Broker, namespace: Namespace, topic: str) -> None:
    oracle = Oracle(broker.bootstrap_servers, namespace.prefix)
    for seed in range(6):
        data, inputs = batch_with_bad_name(random.Random(seed))
        await oracle.append(data, 3, inputs)
    acknowledged = dict(oracle.acknowledged)
    log = await oracle.take_log()
    oracle.acknowledged.clear()

    assert [one.key for one in log] == [acknowledged[Place(3, offset)].planned.message.key for offset in range(18)]
    assert oracle.inputs(log) == acknowledged


async def test_what_was_read_before_it_was_deleted_is_known(
    broker: Broker, namespace: Namespace, topic: str, admin: AIOKafkaAdminClient
) -> None:
    oracle = Oracle(broker.bootstrap_servers, namespace.prefix)
    first, second = (batch_with_bad_name(random.Random(seed)) for seed in range(2))
    await oracle.append(first[0], 3, first[1])
    await oracle.read_on()
    await admin.delete_records({TopicPartition(topic, 3): RecordsToDelete(2)})
    await oracle.append(second[0], 3, second[1])

    assert [one.offset for one in await oracle.take_log()] == list(range(6))
