"""Fixtures and options that every tier shares. Tests import from tests.support, never from here."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace, ThreeBrokers, any_broker, three_brokers_from_jars


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long too")


def pytest_configure() -> None:
    # How long an example takes says more about the machine than about the code.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
    # Ended from outside, the session still stops the brokers it has started, as after Ctrl-C. And processes that tests
    # start take these signals also where the session itself was started with some of them ignored (nohup, a shell's &).
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A genuine Kafka: given, in a container or from the jars, whichever can be had first."""
    with any_broker(tmp_path_factory.mktemp("broker") / "kafka") as found:
        yield found


@pytest.fixture(scope="session")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeBrokers]:
    """Three brokers from the jars, to be killed and restarted one by one."""
    with three_brokers_from_jars(tmp_path_factory.mktemp("three-brokers") / "kafka") as found:
        yield found


@pytest.fixture
def namespace() -> Namespace:
    """A topic prefix and a consumer group that nothing else uses."""
    unique = f"test-{secrets.token_hex(5)}"
    return Namespace(prefix=f"{unique}.", group=f"{unique}-group")


@pytest.fixture
async def mortal(tmp_path: Path, namespace: Namespace) -> AsyncIterator[LocalCluster]:
    """A cluster of one broker with the namespace's topics, which the test may kill."""
    cluster = LocalCluster(tmp_path / "kafka", 1, free_ports(1))
    await asyncio.to_thread(cluster.start)
    try:
        await apply_topics(KafkaConnection(cluster.bootstrap_servers), namespace.prefix, namespace.group)
        yield cluster
    finally:
        await asyncio.to_thread(cluster.stop)
