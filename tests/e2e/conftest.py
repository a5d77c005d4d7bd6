"""Fixtures of the end-to-end tests. A test with several workers or its own cluster has its own fixtures."""

from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker
from tests.support.brokers import Broker, Namespace


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace) -> None:
    """The topics of the test's namespace."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)


@pytest.fixture
def worker(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> Worker:
    """One worker, not yet started, that logs every result."""
    return Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_LOG_LEVEL="debug")


@pytest.fixture
def oracle(broker: Broker, namespace: Namespace) -> DeliveryOracle:
    """The oracle of the test's namespace."""
    return DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
