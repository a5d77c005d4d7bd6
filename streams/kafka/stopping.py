"""Stops Kafka clients: those whose start fails, and producers within a time limit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

_PAUSE = 0.05


@asynccontextmanager
async def stopped_on_failure(client: AIOKafkaConsumer | AIOKafkaProducer) -> AsyncIterator[None]:
    """Stop a client if its start, or what belongs to it, fails: it may have connections by then."""
    try:
        yield
    except BaseException:
        await client.stop()
        raise


async def stop_within(producer: AIOKafkaProducer, seconds: float) -> bool:
    """Stop a producer after it has sent its queued records; return whether it did so in time.

    An idempotent producer retries forever, even while stopping. Its sender task uses the first cancellation to finish
    pending requests, so it is cancelled until it ends.
    """
    try:
        async with asyncio.timeout(seconds):
            await producer.stop()
    except TimeoutError:
        sending = producer._sender.sender_task  # noqa: SLF001  no public method ends it
        while sending is not None and not sending.done():
            sending.cancel()
            await asyncio.wait([sending], timeout=_PAUSE)
        await producer.client.close()
        return False
    return True
