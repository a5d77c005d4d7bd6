"""Why a connection fails, where brokers or TLS refuse it: aiokafka only logs that, and says that no broker answers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import ConnectionSecurity

_BROKER_WITHIN_MS = 5_000
_ALL_WITHIN = 10.0  # seconds


class ConnectionRefusalError(KafkaConnectionError):  # type: ignore[misc]  # aiokafka has no types
    """A broker is there, and TLS, the account or the protocol does not fit; the message is one line."""

    def __str__(self) -> str:
        return str(self.args[0])


@asynccontextmanager
async def explained_refusal(connection: KafkaConnection) -> AsyncIterator[None]:
    """Around the start of a Kafka client: if it finds no broker, say whether they refuse the connection.

    Raises:
        ConnectionRefusalError: If a broker refuses the connection, or TLS does.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    try:
        yield
    except KafkaConnectionError as error:
        refusal = await _first_refusal(connection)
        if refusal is None:
            raise
        raise ConnectionRefusalError(refusal) from error


async def _first_refusal(connection: KafkaConnection) -> str | None:
    """Connect to the brokers of the list, one after the other, until one refuses; None if none does."""
    try:
        async with asyncio.timeout(_ALL_WITHIN):
            for host, port, _ in collect_hosts(connection.servers):
                try:
                    await _connect(host, port, connection.security)
                except (OSError, KafkaError) as error:
                    if (refusal := refusal_of(error, connection.security)) is not None:
                        return f"the Kafka broker at {host}:{port} {refusal}"
    except TimeoutError:
        pass
    return None


async def _connect(host: str, port: int, security: ConnectionSecurity) -> None:
    broker = AIOKafkaConnection(host, port, request_timeout_ms=_BROKER_WITHIN_MS, **security.options())
    try:
        await broker.connect()
        await broker.send(MetadataRequest([]))  # a broker that wants an account refuses only this
    finally:
        broker.close()


def refusal_of(error: BaseException, security: ConnectionSecurity) -> str | None:
    """What is refused, for a line that begins with the broker; None for an error of another kind.

    Args:
        error: The error of one connection.
        security: What the connection began with.
    """
    if isinstance(error, KafkaConnectionError) and error.__cause__ is not None:
        error = error.__cause__
    account, mechanism = ("", "") if security.login is None else (security.login.username, security.login.mechanism)
    match error:
        case ssl.SSLCertVerificationError():
            refusal = f"has a certificate that is not trusted: {error.verify_message}"
        case ssl.SSLError():
            refusal = f"does not agree on TLS ({error.reason}): perhaps its port has none, or wants a certificate"
        case SaslAuthenticationFailed():
            refusal = f"refuses the account {account}, or its password"
        case UnsupportedSaslMechanismError() | IllegalSaslStateError():
            refusal = f"takes no accounts by {mechanism} at this port"
        case asyncio.IncompleteReadError() | ConnectionResetError():
            refusal = f"closes the connection: perhaps its port is not for {security.protocol}"
        case _:
            return None
    return refusal
