"""Ends producers that would never end by themselves."""

import asyncio

from aiokafka import AIOKafkaProducer

_PAUSE = 0.05


async def stopped_within(producer: AIOKafkaProducer, seconds: float) -> bool:
    """Stop a producer, sending what still waits; whether that was done in time.

    An idempotent producer never gives up by itself, not even while stopping. Its task takes a first cancellation as a
    wish to end what is under way.
    """
    try:
        async with asyncio.timeout(seconds):
            await producer.stop()
    except TimeoutError:
        sending = producer._sender.sender_task  # noqa: SLF001  nothing public ends it
        while sending is not None and not sending.done():
            sending.cancel()
            await asyncio.wait([sending], timeout=_PAUSE)
        await producer.client.close()
        return False
    return True
