"""What a line says of a connection that brokers or TLS refuse."""

import asyncio
import ssl

import pytest
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    NodeNotReadyError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from streams.kafka.connection_refusal import refusal_of
from streams.kafka.connection_security import ConnectionSecurity, Login

SECRET = "a-password-that-nobody-may-see"  # noqa: S105  of no account
LOGIN = ConnectionSecurity(login=Login("worker", SECRET))


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired"
    return error


def failed_handshake() -> ssl.SSLError:
    error = ssl.SSLError(1, "alert")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


def caused(cause: BaseException) -> KafkaConnectionError:
    error = KafkaConnectionError("Connection closed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (untrusted(), "has a certificate that is not trusted: certificate has expired"),
        (failed_handshake(), "does not agree on TLS (WRONG_VERSION_NUMBER)"),
        (caused(failed_handshake()), "does not agree on TLS (WRONG_VERSION_NUMBER)"),
        (SaslAuthenticationFailed(SECRET), "refuses the account worker, or its password"),
        (UnsupportedSaslMechanismError(), "takes no accounts by SCRAM-SHA-512 at this port"),
        (IllegalSaslStateError(), "takes no accounts by SCRAM-SHA-512 at this port"),
        (
            caused(asyncio.IncompleteReadError(b"", 4)),
            "closes the connection: perhaps its port is not for SASL_PLAINTEXT",
        ),
        (ConnectionResetError(), "closes the connection: perhaps its port is not for SASL_PLAINTEXT"),
    ],
)
def test_a_refusal_is_named(error: BaseException, said: str) -> None:
    refusal = refusal_of(error, LOGIN)
    assert refusal is not None
    assert refusal.startswith(said)
    assert SECRET not in refusal


@pytest.mark.parametrize("error", [ConnectionRefusedError(), KafkaConnectionError("x"), NodeNotReadyError(), OSError()])
def test_what_is_no_refusal_has_no_name(error: BaseException) -> None:
    assert refusal_of(error, LOGIN) is None
