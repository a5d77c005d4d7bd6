"""A genuine S3 server with two instances, for all processes of a session; and stores that reach it."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from infra.kafka.ports import free_ports
from infra.locks import locked
from infra.stores.local import BUCKET, REGION, LocalStores
from streams.stores import Credentials, FixedSecret, Stores, StoresConfiguration
from streams.stores.configuration import parse_locations
from streams.stores.observer import PoolObserver

_NAME = "object-stores"
_INSTANCES = 2


class SharedObjectStores:
    """One pair of instances for all processes of a session, started by the first that needs it.

    Args:
        directory: The session's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def started(self) -> LocalStores:
        """Return the instances; start them if no process has done so. Nobody may kill or stop them."""
        with locked(self._directory / f"{_NAME}.start"):
            place = self._directory / _NAME
            found = LocalStores.found(place)
            if found is None:
                found = LocalStores(place, _INSTANCES, free_ports(_INSTANCES))
                found.start()
        return found


def stop_object_stores(directory: Path) -> None:
    """Stop the instances in a session's directory; called last."""
    for state in directory.glob("*/stores.json"):
        found = LocalStores.found(state.parent)
        if found is not None:
            found.stop()


def own_object_stores(directory: Path) -> LocalStores:
    """Start a pair of instances that a test may kill and freeze; the test stops them."""
    made = LocalStores(directory, _INSTANCES, free_ports(_INSTANCES))
    made.start()
    return made


def environment(servers: LocalStores, endpoints: Sequence[str] | None = None) -> dict[str, str]:
    """The settings of a process that uses the stores.

    Args:
        servers: The instances.
        endpoints: Other addresses of theirs, such as proxies'.
    """
    return {
        "AUDIO_STORES": uri(servers.endpoints if endpoints is None else endpoints),
        "AUDIO_STORES_ACCESS_KEY": servers.access_key,
        "AUDIO_STORES_SECRET_KEY": servers.secret_key,
    }


def configuration(
    servers: LocalStores, endpoints: Sequence[str] | None = None, *, pool_size: int = 50, interval: float = 30.0
) -> StoresConfiguration:
    """The configuration of stores that reach the instances; arguments as `environment`."""
    locations = parse_locations(uri(servers.endpoints if endpoints is None else endpoints))
    account = Credentials(FixedSecret(servers.access_key), FixedSecret(servers.secret_key))
    return StoresConfiguration(locations, account, pool_size, interval)


def stores_of(servers: LocalStores, observer: PoolObserver | None = None) -> Stores:
    """Stores that reach the instances; whoever makes them closes them."""
    return Stores.of(configuration(servers), observer)


def uri(endpoints: Sequence[str]) -> str:
    """The instances' bucket at some endpoints, as AUDIO_STORES has it."""
    return f"s3://{BUCKET}?{'&'.join(f'endpoint={url}' for url in endpoints)}&region={REGION}"


def port_of(endpoint: str) -> int:
    """The port of an endpoint's URL."""
    port = urlsplit(endpoint).port
    assert port is not None
    return port


def unique_prefix() -> str:
    """A prefix of keys that nothing else uses."""
    return f"test-{secrets.token_hex(5)}"
