"""The security of connections to Kafka, from the settings: what contradicts itself is refused, never ignored."""

import ssl
from dataclasses import astuple, dataclass, field
from pathlib import Path

from streams.kafka.connection_security import (
    SASL_PLAINTEXT,
    SASL_SSL,
    SSL,
    CertificateError,
    ConnectionSecurity,
    Login,
    client_context,
)
from streams.kafka.secret_text import latest
from streams.runtime.setting_declaration import SettingsError

_PROTOCOL = "KAFKA_SECURITY_PROTOCOL"
#: What to look at when brokers refuse a connection.
CHECK_SECURITY = f"check {_PROTOCOL}, KAFKA_SASL_... and KAFKA_SSL_..."


@dataclass(frozen=True, slots=True)
class Account:
    """The settings of an account, as given."""

    username: str | None
    password: str | None = field(repr=False)
    mechanism: str


@dataclass(frozen=True, slots=True)
class Tls:
    """The settings of TLS, as given."""

    authorities: Path | None
    certificate: Path | None
    key: Path | None
    key_password: str | None = field(repr=False)


def connection_security(protocol: str, account: Account, tls: Tls) -> ConnectionSecurity:
    """Make the security of a connection.

    Raises:
        SettingsError: With one line: settings contradict each other, one is missing, or a file cannot be used.
    """
    return ConnectionSecurity(
        tls=_context(tls) if _uses(protocol, (SSL, SASL_SSL), given=any(astuple(tls)), of="KAFKA_SSL_...") else None,
        login=_login(protocol, account)
        if _uses(
            protocol,
            (SASL_PLAINTEXT, SASL_SSL),
            given=account.username is not None or account.password is not None,
            of="KAFKA_SASL_...",
        )
        else None,
    )


def _uses(protocol: str, protocols: tuple[str, ...], *, given: bool, of: str) -> bool:
    """Whether a protocol is one of some; whoever gives settings of theirs must have chosen one of them."""
    if protocol not in protocols and given:
        raise SettingsError(f"{of} is set, but {_PROTOCOL}={protocol} does not use it; write {' or '.join(protocols)}")
    return protocol in protocols


def _login(protocol: str, account: Account) -> Login:
    if not account.username or not account.password:
        raise SettingsError(f"{_PROTOCOL}={protocol} needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (or its _FILE)")
    return Login(account.username, account.password, account.mechanism)


def _context(tls: Tls) -> ssl.SSLContext:
    if tls.certificate is None and (tls.key or tls.key_password):
        raise SettingsError("KAFKA_SSL_KEYFILE or its password is set, but no KAFKA_SSL_CERTFILE")
    password = tls.key_password
    try:
        return client_context(
            tls.authorities, tls.certificate, tls.key, None if password is None else lambda: latest(password)
        )
    except CertificateError as error:
        variable = "KAFKA_SSL_CAFILE" if error.file == tls.authorities else "KAFKA_SSL_CERTFILE"
        raise SettingsError(f"{variable}={error}") from None
