"""How the holder of an account reaches a secure local Kafka."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from urllib.parse import quote

from aiokafka.errors import for_code

from infra.kafka.cluster import LocalCluster
from infra.kafka.errors import LocalKafkaError
from infra.kafka.secure import ADMIN, ClusterSecurity
from schemas.access import Role, granted
from schemas.topics import KEYS
from streams.kafka.access import grant, grants_of
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.alter_configs import BROKER, IncrementalAlterConfigs
from streams.runtime.cluster_settings import ClusterSettings
from streams.security.sealing.key_store import KeyStoreError
from streams.security.sealing.slot_file import SlotFile

_TAKEN_WITHIN, _PAUSE = 20.0, 0.1  # seconds
#: Or more: connections go to a broker's threads in turn, which take a new certificate one after the other.
_NETWORK_THREADS = 4


def variables(cluster: LocalCluster, account: str) -> dict[str, str]:
    """The settings of an account, as variables of the environment.

    Raises:
        LocalKafkaError: If the cluster is not secure.
    """
    security = _security(cluster)
    return {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": account,
        "KAFKA_SASL_PASSWORD_FILE": str(security.password_file(account)),
        "KAFKA_SSL_CAFILE": str(security.authorities),
    }


def certificate_variables(cluster: LocalCluster, account: str) -> dict[str, str]:
    """The same for the account's certificate instead of its password.

    Raises:
        LocalKafkaError: If the cluster is not secure.
    """
    security = _security(cluster)
    return {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.mutual_servers,
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CAFILE": str(security.authorities),
        "KAFKA_SSL_CERTFILE": str(security.certificate(account)),
    }


def ensure_key_store(cluster: LocalCluster) -> None:
    """Make the key store of an installation on this cluster, unless there is one.

    Raises:
        LocalKafkaError: If the cluster is not secure.
        KeyStoreError: If it cannot be made or used.
    """
    file = _security(cluster).key_store_file
    try:
        SlotFile.make(file)
    except KeyStoreError:
        SlotFile(file)  # that which is there already has to be one


def key_store_variables(cluster: LocalCluster, role: Role) -> dict[str, str]:
    """The settings of the key store, for a role that seals or opens; none for others.

    Raises:
        LocalKafkaError: If the cluster is not secure.
    """
    if not any(right.name == KEYS and {"Read", "Write"} & set(right.operations) for right in role.rights):
        return {}
    return {"AUDIO_KEY_STORE": f"file://{quote(str(_security(cluster).key_store_file))}"}


def connection(given: Mapping[str, str]) -> KafkaConnection:
    """The connection that such variables give."""
    return ClusterSettings.from_environment(given).connection


async def grant_roles(cluster: LocalCluster, roles: Mapping[str, str], prefix: str, group: str) -> None:
    """Give accounts the rights of their roles, where they do not have them.

    Args:
        cluster: A secure cluster.
        roles: The role of each account.
        prefix: Prefix of every topic's name.
        group: The workers' consumer group.

    Raises:
        LocalKafkaError: If the cluster is not secure, or an account's name is a beginning of the workers' group.
        aiokafka.errors.KafkaError: If the brokers do not answer, or refuse.
    """
    admin = connection(variables(cluster, ADMIN))
    try:
        wanted = granted([(role, account) for account, role in roles.items()], prefix, group)
    except ValueError as error:
        raise LocalKafkaError(str(error)) from None
    await grant(admin, sorted(wanted - set(await grants_of(admin, roles))))


async def renew_certificates(cluster: LocalCluster) -> None:
    """Give the brokers another certificate, without a restart: connections that begin from then on see it.

    Raises:
        LocalKafkaError: If the cluster is not secure, or a broker does not take the certificate.
        aiokafka.errors.KafkaError: If a broker does not answer, or refuses.
    """
    before = {server: await _shown(server) for server in cluster.bootstrap_servers.split(",")}
    settings = _security(cluster).renew_node_certificate()
    async with connected_client(connection(variables(cluster, ADMIN))) as client:
        for node in cluster.nodes:
            answer = await client.send(node, IncrementalAlterConfigs({str(node): settings}, BROKER))
            for name, code, message in answer.errors():
                raise for_code(code)(f"broker {name}: {message}")
    deadline = time.monotonic() + _TAKEN_WITHIN
    for server, certificate in before.items():
        while certificate in [await _shown(server) for _ in range(_NETWORK_THREADS)]:
            if time.monotonic() > deadline:
                raise LocalKafkaError(f"the broker at {server} has not taken the new certificate; its log says why")
            await asyncio.sleep(_PAUSE)


async def _shown(server: str) -> str:
    """The certificate that a broker shows."""
    host, _, port = server.partition(":")
    return await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))


def _security(cluster: LocalCluster) -> ClusterSecurity:
    if cluster.security is None:
        raise LocalKafkaError("this Kafka was started without --secure")
    return cluster.security
