"""A stock Faust agent that awaits its sends, without which an error would lose records."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import StreamT, TopicT
from yarl import URL

from scripts.benchmarks.streaming.coding import ENCODER_HEADER, encode
from scripts.benchmarks.streaming.peers.arguments import THREADS, Arguments, parse


class _CommittedThread(driver.AIOKafkaConsumerThread):
    """Reads committed records only, so that the backlog stays invisible at first; Faust has no setting for this."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer


class _CommittedConsumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(driver.Transport):
    Consumer: ClassVar[Any] = _CommittedConsumer


def build(setup: Arguments) -> faust.App:
    """The app with its one agent."""
    servers = [URL(f"kafka://{server}") for server in setup.bootstrap_servers.split(",")]
    app = faust.App(
        setup.group,
        broker=servers,
        datadir=str(setup.state),
        web_enabled=False,
        topic_disable_leader=True,
    )
    app.transport = _CommittedTransport(servers, app)
    source = _topic(app, setup.source)
    target = _topic(app, setup.target)
    pool = ThreadPoolExecutor(THREADS)

    @app.agent(source)
    async def compress(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            loop = asyncio.get_running_loop()
            file = await loop.run_in_executor(pool, encode, event.value, event.headers[ENCODER_HEADER])
            sent = await target.send(key=event.key, value=file, headers=event.headers)
            await sent

    return app


def _topic(app: faust.App, name: str) -> TopicT:
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    faust.Worker(build(parse(__doc__, argv)), loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main()
