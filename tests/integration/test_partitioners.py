"""The partitions that other clients choose for a call."""

import json
from importlib.resources import files
from typing import Any

import confluent_kafka
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.brokers import Broker, Namespace

KEYS: list[dict[str, Any]] = json.loads((files("schemas") / "samples/partitions.json").read_text(encoding="utf-8"))[
    "keys"
]
#: librdkafka takes an empty key for none, and a record without a key goes anywhere; no call id is empty.
CALLS = [vector for vector in KEYS if vector["key"]]
COUNTS = (8, 12, 60)


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace) -> dict[int, str]:
    names = {count: f"{namespace.prefix}{count}" for count in COUNTS}
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, count, 1) for count, name in names.items()])
    await admin.close()
    return names


def chosen_by_librdkafka(broker: Broker, topics: dict[int, str], **settings: str) -> list[dict[str, int]]:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers, **settings})
    chosen: list[dict[str, int]] = []
    for vector in CALLS:
        partitions: dict[str, int] = {}
        chosen.append(partitions)
        for count, name in topics.items():

            def note(error: Any, message: Any, to: dict[str, int] = partitions, count: int = count) -> None:
                assert error is None
                to[str(count)] = message.partition()

            producer.produce(name, b"", vector["key"].encode(), on_delivery=note)
    assert producer.flush(30) == 0
    return chosen


def published() -> list[dict[str, int]]:
    return [vector["partitions"] for vector in CALLS]


async def test_librdkafka_chooses_the_published_partitions_when_it_is_told_to(
    broker: Broker, topics: dict[int, str]
) -> None:
    assert chosen_by_librdkafka(broker, topics, partitioner="murmur2_random") == published()


async def test_librdkafka_left_to_itself_chooses_others(broker: Broker, topics: dict[int, str]) -> None:
    assert chosen_by_librdkafka(broker, topics) != published()


async def test_aiokafka_chooses_the_published_partitions(broker: Broker, topics: dict[int, str]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        chosen = [
            {
                str(count): (await producer.send_and_wait(name, b"", key=vector["key"].encode())).partition
                for count, name in topics.items()
            }
            for vector in CALLS
        ]
    assert chosen == published()
