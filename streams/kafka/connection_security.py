"""How connections to Kafka are encrypted, and who connects."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL = "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"
PROTOCOLS = (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL)
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True, slots=True)
class Login:
    """The account of a connection.

    Attributes:
        username: The account's name.
        password: Its password.
        mechanism: How the broker checks it: one of `MECHANISMS`.
    """

    username: str
    password: str = field(repr=False)
    mechanism: str = MECHANISMS[0]

    def __post_init__(self) -> None:
        if self.mechanism not in MECHANISMS:
            raise ValueError(f"{self.mechanism} is none of {', '.join(MECHANISMS)}")


@dataclass(frozen=True, slots=True)
class ConnectionSecurity:
    """What a connection to a broker begins with: TLS, an account, both, or neither.

    Attributes:
        tls: Checks the brokers' certificates and host names, and holds the client's certificate if it has one; None for
            a connection in plain text. `ssl.create_default_context` makes one.
        login: None for a connection without an account, or with that of the client's certificate.
    """

    tls: ssl.SSLContext | None = field(default=None, repr=False)
    login: Login | None = None

    @property
    def protocol(self) -> str:
        """Kafka's name for it: one of `PROTOCOLS`."""
        if self.login is None:
            return PLAINTEXT if self.tls is None else SSL
        return SASL_PLAINTEXT if self.tls is None else SASL_SSL

    def options(self) -> dict[str, Any]:
        """As arguments of aiokafka's classes."""
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.login is not None:
            options |= {
                "sasl_mechanism": self.login.mechanism,
                "sasl_plain_username": self.login.username,
                "sasl_plain_password": self.login.password,
            }
        return options


def client_context(authorities: Path | None) -> ssl.SSLContext:
    """A context for TLS that checks the server's certificate and host name; TLS 1.2 or newer.

    Args:
        authorities: A PEM file with the certificates of the authorities to trust; None for those of the system.

    Raises:
        ValueError: If the file cannot be read or has no certificate; the message is a part of a line.
    """
    try:
        context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    except ssl.SSLError:
        raise ValueError("has no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def add_identity(context: ssl.SSLContext, certificate: Path, key: Path | None, key_password: str | None) -> None:
    """Give a context the client's own certificate.

    Args:
        context: The context.
        certificate: A PEM file with the certificate and its chain.
        key: The PEM file with its key; None if the key is in the certificate's file.
        key_password: Of the key's file, if that is encrypted.

    Raises:
        ValueError: If a file cannot be read or is not what it should be; the message is a part of a line.
    """
    holder = certificate if key is None else key
    try:
        # Without any password OpenSSL would ask a terminal for the one that it misses.
        context.load_cert_chain(certificate, key, key_password or "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"belongs to another key than the one in {holder}") from None
        raise ValueError(f"has no certificate in PEM, {holder} has no key, or its password is another") from None
    except OSError as error:
        raise ValueError(f"or {holder} cannot be read: {error.strerror}") from None
