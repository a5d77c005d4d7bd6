"""Fixtures of the API's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace) -> None:
    """The topics of the test's namespace."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)


@pytest.fixture
def api(broker: Broker, namespace: Namespace, topics: None, tmp_path: Path) -> Iterator[ApiProcess]:
    """An open API process, ready."""
    process = ApiProcess(broker.bootstrap_servers, namespace, tmp_path)
    process.start()
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.stop()
