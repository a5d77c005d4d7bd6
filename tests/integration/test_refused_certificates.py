"""Certificates that nobody should accept, of brokers and of clients, and an account that was removed."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from confluent_kafka.admin import AdminClient, ScramMechanism, UserScramCredentialDeletion

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import HOST, free_ports
from infra.kafka.secure import ADMIN, ClusterSecurity
from schemas.access import load_roles
from schemas.topics import RAW
from scripts.processes.secure_kafka import certificate_variables, connection
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import ConnectionRefusalError
from streams.kafka.topics import apply_topics, check_topics
from tests.support.brokers import Namespace
from tests.support.certificate import HOSTS, write_kafka_certificate
from tests.support.secure_kafka import SecureKafka

EXPIRED = dt.timedelta(days=-1)
#: Listeners whose certificate is wrong, and what a client says.
BROKERS = {
    "EXPIRED": "has a certificate that is not trusted: certificate has expired",
    "ELSEWHERE": "has a certificate that is not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'",
    "STRANGER": "has a certificate that is not trusted: self-signed certificate in certificate chain",
}
LOGIN_LIFETIME_MS = 3000
REMOVED = "telephony"
SOON = 30.0


@dataclass(frozen=True, slots=True)
class WrongKafka:
    """A secure broker with a right listener, and one for each wrong certificate.

    Attributes:
        kafka: The broker.
        ports: The ports of the wrong listeners.
        authority: Its authority.
        strange: Another authority, which nobody knows.
    """

    kafka: SecureKafka
    ports: dict[str, int]
    authority: trustme.CA
    strange: trustme.CA


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WrongKafka]:
    directory = tmp_path_factory.mktemp("wrong")
    with pytest.MonkeyPatch.context() as patch:
        first = free_ports(len(BROKERS))
        ports = {name: first + number for number, name in enumerate(BROKERS)}
        right = ClusterSecurity.properties
        patch.setattr(
            ClusterSecurity,
            "properties",
            lambda self, *given, **named: with_wrong_listeners(right(self, *given, **named), ports, directory),
        )
        cluster = LocalCluster(directory / "kafka", 1, free_ports(1), accounts=list(load_roles()))
        assert cluster.security is not None
        authority, strange = authority_of(cluster.security), trustme.CA()
        write_kafka_certificate(directory / "EXPIRED.pem", authority, *HOSTS, valid=EXPIRED)
        write_kafka_certificate(directory / "ELSEWHERE.pem", authority, "kafka.example")
        write_kafka_certificate(directory / "STRANGER.pem", strange, *HOSTS)
        cluster.start()
        try:
            yield WrongKafka(SecureKafka(cluster), ports, authority, strange)
        finally:
            cluster.stop()


def authority_of(security: ClusterSecurity) -> trustme.CA:
    certificate = security.authorities
    return trustme.CA.from_pem(certificate.read_bytes(), certificate.with_name("ca.key").read_bytes())


def with_wrong_listeners(properties: str, ports: dict[str, int], directory: Path) -> str:
    lines = []
    for line in properties.splitlines():
        name = line.partition("=")[0]
        if name in {"listeners", "advertised.listeners"}:
            lines.append(line + "".join(f",{wrong}://{HOST}:{port}" for wrong, port in ports.items()))
        elif name == "listener.security.protocol.map":
            lines.append(line + "".join(f",{wrong}:SASL_SSL" for wrong in ports))
        elif name == "connections.max.reauth.ms":
            lines.append(f"{name}={LOGIN_LIFETIME_MS}")
        else:
            lines.append(line)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    for wrong in ports:
        listener = f"listener.name.{wrong.lower()}"
        lines += [
            f"{listener}.sasl.enabled.mechanisms=SCRAM-SHA-512",
            f"{listener}.scram-sha-512.sasl.jaas.config={module}",
            f"{listener}.ssl.keystore.location={directory / wrong}.pem",
        ]
    return "\n" + "\n".join(lines) + "\n"


async def refusal(connection: KafkaConnection) -> str:
    with pytest.raises(ConnectionRefusalError) as caught:
        async with asyncio.timeout(SOON):
            await check_topics(connection, "", "")
    return str(caught.value)


@pytest.mark.parametrize("listener", BROKERS)
async def test_a_broker_with_a_wrong_certificate_gets_nothing(wrong: WrongKafka, listener: str) -> None:
    servers = f"{HOST}:{wrong.ports[listener]}"
    told = await refusal(wrong.kafka.logged_in("worker", KAFKA_BOOTSTRAP_SERVERS=servers))
    assert told.startswith(f"the Kafka broker at {servers} {BROKERS[listener]}")


async def test_a_client_with_a_wrong_certificate_is_refused(wrong: WrongKafka, tmp_path: Path) -> None:
    cluster = wrong.kafka.cluster
    given = certificate_variables(cluster, ADMIN)
    wrong_ones = {
        "expired": write_kafka_certificate(tmp_path / "expired.pem", wrong.authority, HOST, name=ADMIN, valid=EXPIRED),
        "of a stranger": write_kafka_certificate(tmp_path / "stranger.pem", wrong.strange, HOST, name=ADMIN),
    }
    for file in wrong_ones.values():
        told = await refusal(connection(given | {"KAFKA_SSL_CERTFILE": str(file)}))
        assert "does not agree on TLS" in told or "closes the connection" in told
    right = write_kafka_certificate(tmp_path / "right.pem", wrong.authority, HOST, name=ADMIN)
    await apply_topics(connection(given | {"KAFKA_SSL_CERTFILE": str(right)}), "right-", "right")


async def test_an_account_that_is_removed_is_cut_off(wrong: WrongKafka, namespace: Namespace) -> None:
    """An open connection has to log in again, within `connections.max.reauth.ms`, and cannot."""
    await apply_topics(wrong.kafka.admin, namespace.prefix, namespace.group)
    await wrong.kafka.grant(REMOVED, REMOVED, namespace)
    removed = wrong.kafka.logged_in(REMOVED)
    topic = f"{namespace.prefix}{RAW}"
    producer = removed.producer(request_timeout_ms=2000)
    await producer.start()
    try:
        async with asyncio.timeout(SOON):
            await send_when_allowed(producer, topic)
            await asyncio.to_thread(remove, wrong, REMOVED)
            with pytest.raises(KafkaError):
                await send_without_end(producer, topic)
    finally:
        await producer.stop()
    assert f"refuses the account {REMOVED}" in await refusal(removed)


async def send_when_allowed(producer: AIOKafkaProducer, topic: str) -> None:
    """Send a record; what is granted reaches a broker soon, not at once."""
    while True:
        with contextlib.suppress(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic, b"1")
            return
        await asyncio.sleep(0.1)


async def send_without_end(producer: AIOKafkaProducer, topic: str) -> None:
    while True:
        await producer.send_and_wait(topic, b"1")


def remove(wrong: WrongKafka, name: str) -> None:
    """Delete the account's credentials, as an operator does."""
    given = certificate_variables(wrong.kafka.cluster, ADMIN)
    admin = AdminClient(
        {
            "bootstrap.servers": given["KAFKA_BOOTSTRAP_SERVERS"],
            "security.protocol": "SSL",
            "ssl.ca.location": given["KAFKA_SSL_CAFILE"],
            "ssl.certificate.location": given["KAFKA_SSL_CERTFILE"],
            "ssl.key.location": given["KAFKA_SSL_CERTFILE"],
        }
    )
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        (done,) = admin.alter_user_scram_credentials([UserScramCredentialDeletion(name, mechanism)]).values()
        done.result()
