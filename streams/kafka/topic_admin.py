"""Shared parts of the topic administration: a connection, retries, and a description of topics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError, for_code

from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal
from streams.kafka.denials import REMEDY
from streams.kafka.protocol.metadata import Metadata
from streams.kafka.topic_errors import TopicError, TopicHiddenError

_Answer = TypeVar("_Answer")

#: Timeout of one request, in milliseconds.
REQUEST_TIMEOUT_MS = 5_000
#: Seconds between two checks while a change spreads over the cluster.
PAUSE = 0.1
#: Seconds to find a broker that answers, when others do not.
ANSWER_WITHIN = 10.0
_CONNECT_WITHIN = 11.0  # seconds: enough to try two brokers of the list that do not answer


@asynccontextmanager
async def connected_admin(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client to a cluster; the context manager closes it.

    Raises:
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    admin = connection.admin(request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        try:
            async with explained_refusal(connection), asyncio.timeout(_CONNECT_WITHIN):
                await admin.start()
        except TimeoutError as error:
            raise KafkaConnectionError(f"no broker answers at {connection.bootstrap_servers}") from error
        yield admin
    finally:
        await admin.close()


async def wait_for_brokers(connection: KafkaConnection, number: int, within: float) -> None:
    """Wait until a cluster has enough brokers, as while it starts.

    Args:
        connection: The cluster.
        number: Brokers that have to be up.
        within: Seconds.

    Raises:
        aiokafka.errors.KafkaConnectionError: If no broker answers in time.
        TopicError: If fewer brokers are up in time.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            async with connected_admin(connection) as admin:
                up = len((await any_broker(admin.describe_cluster))["brokers"])
        except KafkaError:
            if time.monotonic() > deadline:
                raise
        else:
            if up >= number:
                return
            if time.monotonic() > deadline:
                raise TopicError(f"{up} of {number} brokers are up after {within:g} s")
        await asyncio.sleep(PAUSE)


async def any_broker(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Repeat a request until a broker answers: the admin client picks one of its list, which may be down.

    Raises:
        aiokafka.errors.KafkaError: When no broker answers in time, or one refuses.
    """
    deadline = time.monotonic() + ANSWER_WITHIN
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            await asyncio.sleep(PAUSE)


async def describe(admin: AIOKafkaAdminClient, wanted: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Describe the partitions of the wanted topics; topics that do not exist are left out.

    Raises:
        TopicHiddenError: If the account may not see one of them.
    """
    # All topics are listed, because aiokafka's request for one by name would let a broker create it with its defaults.
    topics = await any_broker(admin.describe_topics)
    found = {t["topic"]: t["partitions"] for t in topics if t["topic"] in wanted and t["partitions"]}
    await _require_visible(admin, set(wanted) - found.keys())
    return found


async def _require_visible(admin: AIOKafkaAdminClient, names: Collection[str]) -> None:
    """Check that topics are not left out of the list because the account may not see them."""
    if not names:
        return
    answer = await any_broker(lambda: admin._send_request(Metadata(names)))  # noqa: SLF001  no public one
    denied = sorted(name for code, name, *_ in answer.topics if for_code(code) is TopicAuthorizationFailedError)
    if denied:
        raise TopicHiddenError(f"this account may not see {', '.join(denied)}; {REMEDY}")


def have_leaders(partitions: list[dict[str, Any]]) -> bool:
    """Whether every partition of a topic can be written to."""
    return all(not partition["error_code"] and partition["leader"] >= 0 for partition in partitions)
