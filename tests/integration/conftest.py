"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.archives import Archive, archive_of
from tests.support.brokers import Broker, Namespace
from tests.support.key_installation import Installation
from tests.support.result_topic import ResultTopic, result_topic


@pytest.fixture
async def results(broker: Broker, namespace: Namespace) -> AsyncIterator[ResultTopic]:
    """The topic of results in the test's namespace."""
    async with result_topic(broker, namespace) as topic:
        yield topic


@pytest.fixture
def archive(broker: Broker, namespace: Namespace, results: ResultTopic, tmp_path: Path) -> Iterator[Archive]:
    """The archive of these results, in a directory."""
    with archive_of(broker, namespace, results.topic, tmp_path / "stores") as made:
        yield made


@pytest.fixture
async def here(
    broker: Broker,
    namespace: Namespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Installation:
    """An installation that has topics, and a place for its key store."""
    return await Installation.of(broker, namespace, tmp_path, capsys, monkeypatch)
