"""How connections to Kafka are encrypted, and who connects."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.kafka.renewed_context import RenewedContext
from streams.security.opening import require_no_named_pipe

PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL = "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"
PROTOCOLS = (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL)
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


class CertificateError(ValueError):
    """A file of TLS cannot be used.

    Attributes:
        file: Which.
        reason: Why, for a line that begins with the file.
    """

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file} {reason}")
        self.file, self.reason = file, reason


@dataclass(frozen=True, slots=True)
class Login:
    """The account of a connection.

    Attributes:
        username: The account's name.
        password: Its password; that of a `FileSecret` is read again for each connection.
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


def client_context(
    authorities: Path | None,
    certificate: Path | None = None,
    key: Path | None = None,
    key_password: Callable[[], str] | None = None,
) -> ssl.SSLContext:
    """A context for TLS that checks the server's certificate and host name; TLS 1.2 or newer.

    Its files are read again when they change.

    Args:
        authorities: A PEM file with the certificates of the authorities to trust; None for those of the system.
        certificate: A PEM file with the client's own certificate and its chain, if it has one.
        key: The PEM file with its key; None if the key is in the certificate's file.
        key_password: Returns the password of the key's file, if that is encrypted.

    Raises:
        CertificateError: If a file cannot be read or is not what it should be.
    """

    def load(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _trust(context, authorities)
        if certificate is not None:
            add_identity(context, certificate, key, key_password)

    return RenewedContext(ssl.PROTOCOL_TLS_CLIENT, load, [one for one in (authorities, certificate, key) if one])


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """A context for TLS of a server; TLS 1.2 or newer. Its files are read again when they change.

    Args:
        certificate: A PEM file with the server's certificate and its chain.
        key: The PEM file with its key; None if the key is in the certificate's file.

    Raises:
        CertificateError: If a file cannot be read or is not what it should be.
    """

    def load(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        add_identity(context, certificate, key, None)

    return RenewedContext(ssl.PROTOCOL_TLS_SERVER, load, [one for one in (certificate, key) if one])


def _trust(context: ssl.SSLContext, authorities: Path | None) -> None:
    if authorities is None:
        context.load_default_certs()
        return
    try:
        require_no_named_pipe(authorities)
        context.load_verify_locations(authorities)
    except ssl.SSLError:
        raise CertificateError(authorities, "has no certificate in PEM") from None
    except OSError as error:
        raise CertificateError(authorities, f"cannot be read: {error.strerror}") from None


def add_identity(
    context: ssl.SSLContext, certificate: Path, key: Path | None, key_password: Callable[[], str] | None
) -> None:
    """Give a context its own certificate.

    Args:
        context: The context.
        certificate: A PEM file with the certificate and its chain.
        key: The PEM file with its key; None if the key is in the certificate's file.
        key_password: Returns the password of the key's file, if that is encrypted.

    Raises:
        CertificateError: If a file cannot be read or is not what it should be.
    """
    holder = certificate if key is None else key
    try:
        for file in {certificate, holder}:
            require_no_named_pipe(file)
        # Without any password OpenSSL would ask a terminal for the one that it misses.
        context.load_cert_chain(certificate, key, key_password or "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateError(certificate, f"belongs to another key than the one in {holder}") from None
        reason = f"has no certificate in PEM, {holder} has no key, or its password is another"
        raise CertificateError(certificate, reason) from None
    except OSError as error:
        raise CertificateError(certificate, f"or {holder} cannot be read: {error.strerror}") from None
