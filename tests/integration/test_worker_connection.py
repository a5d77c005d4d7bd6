"""Faust's own Kafka clients in a worker: made by Faust, connected as `KafkaConnection` says."""

from pathlib import Path
from typing import Any, cast

from faust.transport.drivers import aiokafka as driver

from streams.engine.consumer_thread import LaneConsumerThread
from streams.engine.transport import LaneTransport
from streams.kafka.protocol.offset_fetch import StrictCoordinator
from streams.kafka.protocol.tolerant_fetcher import TolerantFetcher
from streams.runtime.settings import Settings
from streams.runtime.wiring import Runtime, create_runtime
from tests.support.brokers import Broker, Namespace


def fail(error: BaseException) -> None:
    raise error


async def worker_consumer(runtime: Runtime) -> Any:
    """The consumer that a worker's thread makes when it starts."""

    async def ignore(*_: Any) -> None:
        return None

    transport = cast("LaneTransport", runtime.app.transport)
    consumer = transport.create_consumer(ignore, on_partitions_revoked=ignore, on_partitions_assigned=ignore)
    thread = cast("LaneConsumerThread", cast("driver.Consumer", consumer)._new_consumer_thread())  # noqa: SLF001
    return thread._create_worker_consumer(transport)  # noqa: SLF001  as Faust calls it


async def test_faust_gets_the_brokers_of_the_connection(tmp_path: Path) -> None:
    runtime = create_runtime(Settings(state_dir=tmp_path, bootstrap_servers="one:9092, two:9093"), "member", fail)
    producer = cast("driver.Producer", runtime.app.producer)
    assert producer._settings_default()["bootstrap_servers"] == ["one:9092", "two:9093"]  # noqa: SLF001  as it starts
    consumer = await worker_consumer(runtime)
    assert sorted(consumer._client.hosts)[0][:2] == ("one", 9092)  # noqa: SLF001  it has no public name
    await consumer.stop()


async def test_the_workers_consumer_reads_every_record_and_notices_every_error(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    settings = Settings(state_dir=tmp_path, bootstrap_servers=broker.bootstrap_servers, group=namespace.group)
    consumer = await worker_consumer(create_runtime(settings, "member", fail))
    await consumer.start()
    try:
        assert type(consumer._fetcher) is TolerantFetcher  # noqa: SLF001  nothing public tells
        assert type(consumer._coordinator) is StrictCoordinator  # noqa: SLF001  as above
    finally:
        await consumer.stop()
