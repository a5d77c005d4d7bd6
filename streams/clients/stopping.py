"""Stops producers within a time limit."""

import asyncio

from aiokafka import AIOKafkaProducer

_PAUSE = 0.05


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
