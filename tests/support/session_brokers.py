"""The Kafka clusters of a test session, in a directory that all of its processes share."""

import asyncio
import json
import os
import warnings
from dataclasses import asdict
from pathlib import Path

from aiokafka.errors import KafkaError

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from infra.locks import locked
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import REQUEST_TIMEOUT_MS, any_broker, connected_admin
from tests.support.brokers import Broker, ThreeBrokers, remove_container, start_any_broker

_DELETED_WITHIN = 20.0  # seconds


class SharedBroker:
    """One Kafka for all processes of a session, started by the first that needs it.

    Args:
        directory: The session's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._note = directory / "broker.json"

    def started(self) -> Broker:
        """Return the broker; start it if no process has done so."""
        with locked(self._directory / "start.lock"):
            broker = self._noted()
            if broker is None:
                broker = start_any_broker(self._directory / "broker")
                self._note.write_text(json.dumps(asdict(broker)))
        return broker

    def delete_topics(self, prefix: str) -> None:
        """Delete the topics of one test, if the broker runs.

        A broker holds a file of each partition open; those of a whole session are more than it may have.
        """
        broker = self._noted()
        if broker is None:
            return
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # leaves the current loop as it is
            try:
                runner.run(asyncio.wait_for(_delete_topics(broker.bootstrap_servers, prefix), _DELETED_WITHIN))
            except (KafkaError, TimeoutError) as error:
                warnings.warn(f"the topics {prefix}* are still there: {error!r}", stacklevel=2)

    def remove_container(self) -> None:
        """Remove the container in which the broker runs, if it was started in one."""
        broker = self._noted()
        if broker is not None and broker.container is not None:
            remove_container(broker.container)
            self._note.unlink()

    def _noted(self) -> Broker | None:
        return Broker(**json.loads(self._note.read_text())) if self._note.exists() else None


async def _delete_topics(bootstrap_servers: str, prefix: str) -> None:
    async with connected_admin(KafkaConnection(bootstrap_servers)) as admin:
        if names := [name for name in await any_broker(admin.list_topics) if name.startswith(prefix)]:
            await any_broker(lambda: admin.delete_topics(names, timeout_ms=REQUEST_TIMEOUT_MS))


class ThreeBrokersOnDemand:
    """Three brokers of one process, from the jars; they can be stopped and started again between tests.

    Args:
        directory: The session's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / f"three-brokers-{os.getpid()}"
        self._cluster: LocalCluster | None = None

    def started(self) -> ThreeBrokers:
        """Return the brokers; start them if they do not run."""
        if self._cluster is None:
            cluster = LocalCluster(self._directory, 3, free_ports(3))
            cluster.start()
            self._cluster = cluster
        return ThreeBrokers(self._cluster.bootstrap_servers, self._cluster)

    def stop(self) -> None:
        """Stop them and remove their data."""
        if self._cluster is not None:
            self._cluster.stop()
            self._cluster = None


def stop_all(directory: Path) -> None:
    """Stop every broker in a session's directory, also those of crashed processes; called last."""
    SharedBroker(directory).remove_container()
    for identity in directory.glob("*/cluster.json"):
        cluster = LocalCluster.found(identity.parent)
        if cluster is not None:
            cluster.stop()
