"""The connection to a Kafka cluster, from which every Kafka client is created, and Faust's are configured."""

from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from streams.kafka.connection_security import ConnectionSecurity
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer
from streams.kafka.renewed_login import renew_login


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How to connect to one Kafka cluster, and the clients that do.

    Options of a connection belong here alone, so that every client has them. The methods take the other options of
    aiokafka's classes.

    Attributes:
        bootstrap_servers: Brokers to connect to first, as ``host:port[,host:port...]``.
        security: How connections are encrypted, and who connects; by default in plain text, and nobody.
    """

    bootstrap_servers: str
    security: ConnectionSecurity = field(default_factory=ConnectionSecurity)

    @property
    def servers(self) -> list[str]:
        """The brokers to connect to first, one by one."""
        return [server.strip() for server in self.bootstrap_servers.split(",")]

    def producer(self, **options: Any) -> AIOKafkaProducer:
        """Make a producer, not yet started."""
        producer = AIOKafkaProducer(**options, **self._options())
        renew_login(producer.client)
        return producer

    def consumer(self, *topics: str, **options: Any) -> TolerantConsumer:
        """Make a consumer, not yet started."""
        consumer = TolerantConsumer(*topics, **options, **self._options())
        renew_login(consumer._client)  # noqa: SLF001  it has no public name
        return consumer

    def admin(self, **options: Any) -> AIOKafkaAdminClient:
        """Make a client for topics and their settings, not yet started."""
        admin = AIOKafkaAdminClient(**options, **self._options())
        renew_login(admin._client)  # noqa: SLF001  as above
        return admin

    def client(self, **options: Any) -> AIOKafkaClient:
        """Make a client that only sends requests, not yet connected."""
        client = AIOKafkaClient(**options, **self._options())
        renew_login(client)
        return client

    def _options(self) -> dict[str, Any]:
        """The connection, as arguments of aiokafka's classes."""
        return {"bootstrap_servers": self.servers, **self.security.options()}
