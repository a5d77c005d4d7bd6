"""The ends of Kafka clients: those whose start fails, producers within a time limit, and producers that fail."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

_PAUSE = 0.05

_Result = TypeVar("_Result")


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


async def unless_ended(producer: AIOKafkaProducer, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Await work of a producer, which waits for ever once the producer's own task has failed, as when fenced.

    Raises:
        aiokafka.errors.ProducerFenced: If another producer has started under its transactional id.
    """
    task = asyncio.create_task(work)
    sending: asyncio.Task[None] = producer._sender.sender_task  # noqa: SLF001  no public method tells of it
    try:
        await asyncio.wait({task, sending}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and (error := sending.exception()) is not None:
            raise error
        return await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
