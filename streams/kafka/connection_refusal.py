"""Why a connection fails, where brokers or TLS refuse it: aiokafka only logs that, and says that no broker answers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

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
from streams.kafka.reachability import why_unreachable
from streams.kafka.spoken_protocol import Spoken, spoken_at

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
        if refusal is not None:
            raise ConnectionRefusalError(refusal) from error
        if (unreachable := await _first_unreachable(connection)) is not None:
            raise KafkaConnectionError(unreachable) from error
        raise


async def _first_refusal(connection: KafkaConnection) -> str | None:
    """Connect to the brokers of the list, one after the other, until one refuses; None if none does."""
    try:
        async with asyncio.timeout(_ALL_WITHIN):
            for host, port, _ in collect_hosts(connection.servers):
                if (refusal := await _refusal_at(host, port, connection.security)) is not None:
                    return f"the Kafka broker at {host}:{port} {refusal}"
    except TimeoutError:
        pass
    return None


async def _first_unreachable(connection: KafkaConnection) -> str | None:
    for host, port, _ in collect_hosts(connection.servers):
        if (problem := await why_unreachable(host, port)) is not None:
            return problem
    return None


async def _refusal_at(host: str, port: int, security: ConnectionSecurity) -> str | None:
    try:
        await connect(host, port, security)
    except (OSError, KafkaError) as error:
        if isinstance(error, ssl.SSLCertVerificationError | SaslAuthenticationFailed):
            return refusal_of(error, security)
        with suppress(OSError):  # which it was before
            if mismatch := mismatch_of(await spoken_at(host, port), security):
                return mismatch
        return refusal_of(error, security)
    return None


def mismatch_of(spoken: Spoken, security: ConnectionSecurity) -> str | None:
    """What is wrong if a port speaks something else than a connection, for a line that begins with the port.

    Args:
        spoken: What the port speaks, without TLS around it.
        security: What the connection begins with.
    """
    secure = security.tls is not None
    match spoken:
        case Spoken.HTTP | Spoken.OTHER:
            return f"speaks {spoken}, not Kafka"
        case Spoken.TLS if not secure:
            return f"speaks TLS, and this connection is {security.protocol}: it needs SSL or SASL_SSL"
        case Spoken.KAFKA if secure:
            plain = "PLAINTEXT or SASL_PLAINTEXT"
            return f"speaks Kafka in plain text, and this connection is {security.protocol}: it needs {plain}"
        case _:
            return None


async def connect(host: str, port: int, security: ConnectionSecurity) -> None:
    """Connect to a broker, log in, and ask it something, as every client does.

    Raises:
        OSError: If it cannot be reached, or TLS fails.
        aiokafka.errors.KafkaError: If it refuses, or does not answer.
    """
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
