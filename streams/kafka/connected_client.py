"""A connected client that only sends requests, for who needs no producer, consumer or admin."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.client import AIOKafkaClient

from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal


@asynccontextmanager
async def connected_client(connection: KafkaConnection, **options: Any) -> AsyncIterator[AIOKafkaClient]:
    """Connect a client to a cluster; the context manager closes it.

    Args:
        connection: The cluster.
        options: Of aiokafka's class.

    Raises:
        aiokafka.errors.KafkaConnectionError: If no broker answers, or they refuse the connection.
    """
    client = connection.client(**options)
    try:
        async with explained_refusal(connection):
            await client.bootstrap()
        yield client
    finally:
        await client.close()
