"""Asks the brokers again and again whether they answer, so that nobody has to wait to be told that they do not."""

import asyncio
import contextlib

import structlog
from aiokafka.errors import KafkaError

from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.metadata import fetch_topics

log = structlog.get_logger(__name__)

_EVERY = 1.0  # seconds
_WITHIN = 3.0  # seconds for an answer


class BrokerWatch:
    """Knows whether the brokers answer.

    Args:
        connection: The cluster.

    Attributes:
        brokers_answer: Whether one has answered the last time.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self.brokers_answer = False

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self._ask()
            except (KafkaError, TimeoutError, OSError) as error:
                if self.brokers_answer:
                    log.warning("brokers_silent", reason=str(error) or type(error).__name__)
                self.brokers_answer = False
                await asyncio.sleep(_EVERY)

    async def _ask(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(_WITHIN):
                client = await stack.enter_async_context(connected_client(self._connection))
            while True:
                async with asyncio.timeout(_WITHIN):
                    await fetch_topics(client, [])
                self.brokers_answer = True
                await asyncio.sleep(_EVERY)
