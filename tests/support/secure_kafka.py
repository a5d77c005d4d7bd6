"""A secure Kafka for tests, where any account can be had: its certificate is issued when it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from infra.kafka.secure import ADMIN
from schemas.access import Grant, load_roles
from scripts.processes.secure_kafka import certificate_variables, connection, variables
from streams.kafka.access import grant
from streams.kafka.connection import KafkaConnection
from tests.support.brokers import Namespace


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """One broker to which nobody has access that is not granted."""

    cluster: LocalCluster

    def variables(self, account: str) -> dict[str, str]:
        """The settings of any account, which shows a certificate."""
        return certificate_variables(self.cluster, account)

    def connection(self, account: str) -> KafkaConnection:
        """The connection of any account, which shows a certificate."""
        return connection(self.variables(account))

    def logged_in(self, account: str, **changed: str) -> KafkaConnection:
        """The connection of an account with the name of a role, which has a password."""
        return connection(variables(self.cluster, account) | changed)

    @property
    def admin(self) -> KafkaConnection:
        """The connection of who may do everything."""
        return self.logged_in(ADMIN)

    async def grant(self, role: str, account: str, namespace: Namespace, without: Grant | None = None) -> None:
        """Give an account the rights of a role, all or without one; they hold soon, not at once."""
        grants = load_roles()[role].grants(account, namespace.prefix, namespace.group)
        await grant(self.admin, [one for one in grants if one != without])


@contextmanager
def secure_kafka(directory: Path) -> Iterator[SecureKafka]:
    """Start a secure broker; it is stopped at the end."""
    cluster = LocalCluster(directory, 1, free_ports(1), accounts=list(load_roles()))
    cluster.start()
    try:
        yield SecureKafka(cluster)
    finally:
        cluster.stop()
