"""What a topic has, read by a consumer that is not ours."""

import asyncio

from aiokafka import AIOKafkaConsumer

from schemas import Record

_WITHIN = 90.0


async def first_records(bootstrap_servers: str, topic: str, count: int) -> list[Record]:
    """The oldest records of a topic."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=10 * 2**20,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(_WITHIN):
            messages = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return [Record(one.key, one.value, tuple(one.headers)) for one in messages]
