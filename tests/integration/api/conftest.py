"""Fixtures of the API's tests."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.security.api_keys import ApiKeys, new_key
from streams.security.roles import Role
from tests.chaos.workers import Worker
from tests.support.api_process import ApiProcess, serving
from tests.support.brokers import Broker, Namespace

_HOTELS = {"all": None, "lisbon": frozenset({"lisbon"}), "porto": frozenset({"porto"})}
_UNLIMITED = "100000"  # requests a second: tests ask as fast as they can


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace) -> None:
    """The topics of the test's namespace."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)


@pytest.fixture
def api(broker: Broker, namespace: Namespace, topics: None, tmp_path: Path) -> Iterator[ApiProcess]:
    """An open API process, ready."""
    with serving(ApiProcess(broker.bootstrap_servers, namespace, tmp_path)) as process:
        yield process


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """API keys by role and hotels; the file is ``keys``."""
    made = {
        f"{role.value}-{name}": new_key(
            f"{role.value}-{name}", role, hotels, now=datetime.now(UTC), lifetime=timedelta(days=1)
        )
        for role in Role
        for name, hotels in _HOTELS.items()
    }
    (tmp_path / "keys").write_bytes(ApiKeys(key for _, key in made.values()).to_json())
    return {name: text for name, (text, _) in made.items()}


@pytest.fixture
def guarded(
    broker: Broker, namespace: Namespace, topics: None, tmp_path: Path, keys: dict[str, str]
) -> Iterator[ApiProcess]:
    """An API process that asks for keys."""
    assert keys
    settings = {
        "AUDIO_API_KEYS_FILE": str(tmp_path / "keys"),
        "AUDIO_API_KEY_RATE": _UNLIMITED,
        "AUDIO_TRUSTED_PROXIES": "127.0.0.1",
    }
    with serving(ApiProcess(broker.bootstrap_servers, namespace, tmp_path, **settings)) as process:
        yield process


@pytest.fixture
def worker(broker: Broker, namespace: Namespace, topics: None, tmp_path: Path) -> Iterator[Worker]:
    """A worker of the test's topics."""
    one = Worker(
        broker.bootstrap_servers,
        namespace.prefix,
        namespace.group,
        tmp_path / "worker",
        AUDIO_STORES=(tmp_path / "objects").as_uri(),
    )
    one.start()
    try:
        yield one
    finally:
        one.stop()
