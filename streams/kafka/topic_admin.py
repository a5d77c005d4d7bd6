"""What everybody needs who looks at a cluster's topics or changes them: a connection, and an answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

_Answer = TypeVar("_Answer")

#: Of one request, in milliseconds.
REQUEST_TIMEOUT_MS = 5_000
#: Seconds between looks at a cluster that is still spreading the news.
PAUSE = 0.1
#: Seconds for a broker to be found that answers, among some that do not.
ANSWER_WITHIN = 10.0
_CONNECT_WITHIN = 11.0  # seconds: time to pass over two brokers of a list that do not answer


@asynccontextmanager
async def connected_admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect to a cluster, for as long as the context lasts.

    Raises:
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        try:
            async with asyncio.timeout(_CONNECT_WITHIN):
                await admin.start()
        except TimeoutError as error:
            raise KafkaConnectionError(f"no broker answers at {bootstrap}") from error
        yield admin
    finally:
        await admin.close()


async def any_broker(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Ask until somebody answers: the admin client asks one broker of its list, which may be the one that is away."""
    deadline = time.monotonic() + ANSWER_WITHIN
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            await asyncio.sleep(PAUSE)


async def describe(admin: AIOKafkaAdminClient, wanted: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Partitions of those wanted topics that exist."""
    # All topics are listed because asking for one by name lets a broker create it, with its own defaults.
    topics = await any_broker(admin.describe_topics)
    return {t["topic"]: t["partitions"] for t in topics if t["topic"] in wanted and t["partitions"]}


def have_leaders(partitions: list[dict[str, Any]]) -> bool:
    """Whether every partition of a topic can be written to."""
    return all(not partition["error_code"] and partition["leader"] >= 0 for partition in partitions)
