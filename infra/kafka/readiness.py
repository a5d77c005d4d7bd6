"""When a cluster is ready: a transaction has committed on it. An open port is not enough."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from infra.kafka.errors import LocalKafkaError

_RETRY_S = 0.2


async def wait_until_ready(options: Mapping[str, Any], brokers: int, timeout: float) -> None:
    """Wait until a topic with a replica on every broker can be created and a transaction commits on it.

    The transaction includes a consumer offset, so that the coordinators of transactions and of groups both work.

    Args:
        options: How to connect, as arguments of aiokafka's classes: ``bootstrap_servers`` and so on.
        brokers: Number of brokers.
        timeout: Seconds.

    Raises:
        LocalKafkaError: When the time is over.
    """
    topic = f"local-kafka-ready-{secrets.token_hex(4)}"
    last: Exception | None = None
    try:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    await _probe(options, brokers, topic)
                except (KafkaError, OSError) as error:
                    last = error
                    await asyncio.sleep(_RETRY_S)
                else:
                    return
    except TimeoutError:
        reason = f": {last!r}" if last is not None else ""
        raise LocalKafkaError(
            f"Kafka at {options['bootstrap_servers']} was not ready in {timeout:.0f} s{reason}"
        ) from last


async def _probe(options: Mapping[str, Any], brokers: int, topic: str) -> None:
    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
        await _create(admin, NewTopic(topic, num_partitions=1, replication_factor=brokers))
        await _commit(options, topic)
        await admin.delete_topics([topic])
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topic: NewTopic) -> None:
    response = await admin.create_topics([topic])
    for _name, code, *_message in response.topic_errors:
        kind = for_code(code)
        # An earlier attempt may have created the topic.
        if code != 0 and kind.__name__ != "TopicAlreadyExistsError":
            raise kind(f"topic {topic.name} could not be made")


async def _commit(options: Mapping[str, Any], topic: str) -> None:
    producer = AIOKafkaProducer(transactional_id=topic, **options)
    try:
        await producer.start()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"ready")
            await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 0}, topic)
    finally:
        await producer.stop()
