"""Fixtures and options that every tier shares. Tests import from tests.support, never from here."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from infra.kafka import ports
from infra.kafka.cluster import LocalCluster
from infra.stores.local import LocalStores
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support import side_by_side
from tests.support.brokers import Broker, Namespace, ThreeBrokers
from tests.support.object_stores import SharedObjectStores, stop_object_stores
from tests.support.secure_kafka import SecureKafka
from tests.support.secure_kafka import secure_kafka as secure
from tests.support.session_brokers import SharedBroker, ThreeBrokersOnDemand, stop_all
from tests.support.softhsm import SoftHsm

_SHARED = pytest.StashKey[Path]()  # a directory for all processes of the session
_THREE_BROKERS = pytest.StashKey[ThreeBrokersOnDemand]()
_GROUPS = "groups.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long too")


def pytest_configure(config: pytest.Config) -> None:
    # How long an example takes says more about the machine than about the code.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
    # Ended from outside, the session still stops the brokers it has started, as after Ctrl-C. And processes that tests
    # start take these signals also where the session itself was started with some of them ignored (nohup, a shell's &).
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # The width of a terminal that xdist invents for its processes, and that commands would take for the user's.
    os.environ.pop("COLUMNS", None)
    given = _given(config)
    if given is None:
        config.stash[_SHARED] = Path(tempfile.mkdtemp(prefix="tests-"))
    else:
        config.stash[_SHARED] = Path(given["shared"])
        ports.take_part(int(given["workerid"].removeprefix("gw")), given["workercount"])
        side_by_side.end_once()
    config.stash[_THREE_BROKERS] = ThreeBrokersOnDemand(config.stash[_SHARED])


def pytest_unconfigure(config: pytest.Config) -> None:
    if _given(config) is None:
        stop_all(config.stash[_SHARED])
        stop_object_stores(config.stash[_SHARED])
        shutil.rmtree(config.stash[_SHARED], ignore_errors=True)
    else:
        side_by_side.note_end(config.stash[_SHARED])


def _given(config: pytest.Config) -> dict[str, Any] | None:
    """What a process that runs tests side by side with others was given; None in the process that started them."""
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    return given


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["shared"] = str(node.config.stash[_SHARED])
    plugins = node.config.pluginmanager
    if not plugins.has_plugin(side_by_side.EndProcesses.__name__):
        plugins.register(side_by_side.EndProcesses(node.config.stash[_SHARED]), side_by_side.EndProcesses.__name__)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> side_by_side.GroupScheduling | None:
    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # they are in order
    return side_by_side.GroupScheduling(config, log, config.stash[_SHARED] / _GROUPS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        if long:
            config.hook.pytest_deselected(items=long)
            items[:] = [item for item in items if item not in long]
    if _given(config) is not None:
        for item in items:
            if _uses_three_brokers(item):
                item.add_marker(pytest.mark.xdist_group("three brokers"))
            if isinstance(item, pytest.Function) and "secure_kafka" in item.fixturenames:
                item.add_marker(pytest.mark.xdist_group("secure Kafka"))
        items[:] = side_by_side.ordered(items)
        side_by_side.write_groups(items, config.stash[_SHARED] / _GROUPS)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    # Side by side, all tests that need them come one after the other. Brokers that nobody needs take time from others.
    if _given(item.config) is not None and _uses_three_brokers(item) and not _uses_three_brokers(nextitem):
        item.config.stash[_THREE_BROKERS].stop()


def _uses_three_brokers(item: pytest.Item | None) -> bool:
    return isinstance(item, pytest.Function) and "three_brokers" in item.fixturenames


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config) -> Broker:
    """A genuine Kafka: given, in a container or from the jars, whichever can be had first."""
    return SharedBroker(pytestconfig.stash[_SHARED]).started()


@pytest.fixture(scope="session")
def object_stores(pytestconfig: pytest.Config) -> LocalStores:
    """A genuine S3 server with two instances over the same bucket, shared by all tests of the session."""
    return SharedObjectStores(pytestconfig.stash[_SHARED]).started()


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A secure Kafka; tests that use it are in one group, as each process would start its own."""
    with secure(tmp_path_factory.mktemp("secure") / "kafka") as started:
        yield started


@pytest.fixture
def three_brokers(pytestconfig: pytest.Config) -> ThreeBrokers:
    """Three brokers from the jars, to be killed and restarted one by one."""
    return pytestconfig.stash[_THREE_BROKERS].started()


@pytest.fixture
def namespace(pytestconfig: pytest.Config) -> Iterator[Namespace]:
    """A topic prefix and a consumer group that nothing else uses."""
    unique = f"test-{secrets.token_hex(5)}"
    yield Namespace(prefix=f"{unique}.", group=f"{unique}-group")
    SharedBroker(pytestconfig.stash[_SHARED]).delete_topics(f"{unique}.")


@pytest.fixture
async def mortal(pytestconfig: pytest.Config, namespace: Namespace) -> AsyncIterator[LocalCluster]:
    """A cluster of one broker with the namespace's topics, which the test may kill."""
    cluster = LocalCluster(pytestconfig.stash[_SHARED] / f"{namespace.prefix}kafka", 1, ports.free_ports(1))
    await asyncio.to_thread(cluster.start)
    try:
        await apply_topics(KafkaConnection(cluster.bootstrap_servers), namespace.prefix, namespace.group)
        yield cluster
    finally:
        await asyncio.to_thread(cluster.stop)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """SoftHSM for this process, whose module reads where its tokens are from the environment."""
    made = SoftHsm(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        yield made
