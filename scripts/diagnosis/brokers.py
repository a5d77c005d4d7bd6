"""Checks the way to each broker of the settings: name, port, protocol, TLS, login."""

import asyncio
import ssl
from collections.abc import Sequence

from aiokafka.conn import collect_hosts
from aiokafka.errors import KafkaError

from scripts.diagnosis.certificates import described, judged_days
from scripts.diagnosis.checking import Installation, any_will_do, because
from scripts.validation.finding import Finding, failed, not_checked, passed
from streams.kafka.connection_refusal import connect, mismatch_of, refusal_of
from streams.kafka.connection_security import ConnectionSecurity
from streams.kafka.reachability import UnreachableError, reach, resolve
from streams.kafka.spoken_protocol import Spoken, spoken_at, trusting_context
from streams.runtime.kafka_security import CHECK_SECURITY

CHECK = "brokers"
_NAME, _PORT, _PROTOCOL, _TLS, _LOGIN = "name", "port", "protocol", "TLS", "login"
_STEPS = (_NAME, _PORT, _PROTOCOL, _TLS, _LOGIN)
_SERVERS = "KAFKA_BOOTSTRAP_SERVERS"
_EXPIRED, _NOT_YET, _WRONG_NAME = 10, 9, 62  # OpenSSL's X509_V_ERR_..., with 64 for an address
_WRONG_ADDRESS = 64


async def check_brokers(installation: Installation) -> list[Finding]:
    """Go all the way to each broker of the list; one that answers is enough."""
    connection = installation.connection
    places = [(host, port) for host, port, _ in collect_hosts(connection.servers)]
    return any_will_do(await asyncio.gather(*(_examine(*place, connection.security) for place in sorted(places))))


async def _examine(host: str, port: int, security: ConnectionSecurity) -> list[Finding]:
    """Go as far as the first step that fails."""
    found: list[Finding] = []
    subject = f"{host}:{port}"
    for step, take in ((_NAME, _resolve), (_PORT, _open), (_PROTOCOL, _speak), (_TLS, _verify), (_LOGIN, _log_in)):
        findings = await take(subject, host, port, security)
        found += findings
        if any(one.check == step and one.remedy for one in findings):
            later = _STEPS[_STEPS.index(step) + 1 :]
            return found + [not_checked(one, subject, because(step)) for one in later]
    return found


async def _resolve(subject: str, host: str, port: int, _: ConnectionSecurity) -> Sequence[Finding]:
    try:
        return [passed(_NAME, subject, ", ".join(await resolve(host, port)))]
    except UnreachableError as error:
        return [failed(_NAME, subject, str(error), f"correct {_SERVERS}, or the DNS of this machine")]


async def _open(subject: str, host: str, port: int, _: ConnectionSecurity) -> Sequence[Finding]:
    try:
        await reach(host, port)
    except UnreachableError as error:
        remedy = f"is the broker running, {_SERVERS} right, and no firewall between? ./scripts/kafka up starts one here"
        return [failed(_PORT, subject, str(error), remedy)]
    return [passed(_PORT, subject, "accepts connections")]


async def _speak(subject: str, host: str, port: int, security: ConnectionSecurity) -> Sequence[Finding]:
    spoken = await spoken_at(host, port)
    if mismatch := mismatch_of(spoken, security):
        return [failed(_PROTOCOL, subject, mismatch, f"correct the port in {_SERVERS}, or {CHECK_SECURITY}")]
    if spoken is Spoken.NOTHING:
        return [failed(_PROTOCOL, subject, "accepts connections and answers nothing", "is the broker still starting?")]
    return [passed(_PROTOCOL, subject, spoken.value)]


async def _verify(subject: str, host: str, port: int, security: ConnectionSecurity) -> Sequence[Finding]:
    if security.tls is None:
        return [passed(_TLS, subject, "none: everybody between can read the calls")]
    names, issuer, days = described(await _certificate(host, port))
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=security.tls)
    except ssl.SSLCertVerificationError as error:
        told = refusal_of(error, security) or str(error)
        return [failed(_TLS, subject, told, _remedy(error.verify_code, names, issuer))]
    except (OSError, ssl.SSLError) as error:
        return [failed(_TLS, subject, refusal_of(error, security) or str(error), CHECK_SECURITY)]
    tls = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    validity = judged_days(f"broker {subject}", days, "issue another one to the broker")
    return [passed(_TLS, subject, f"{tls.version()}, for {', '.join(names)}"), validity]


def _remedy(code: int, names: Sequence[str], issuer: str) -> str:
    if code in {_EXPIRED, _NOT_YET}:
        return "issue another certificate to the broker, or set this machine's clock"
    if code in {_WRONG_NAME, _WRONG_ADDRESS}:
        return f"it is for {', '.join(names) or 'no name'}: write one of these in {_SERVERS}, or issue another one"
    return f"it was issued by {issuer}: KAFKA_SSL_CAFILE has to have the certificate of that authority"


async def _certificate(host: str, port: int) -> bytes:
    """The certificate that a port shows, as DER, whoever has issued it."""
    _, writer = await asyncio.open_connection(host, port, ssl=trusting_context())
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return shown


async def _log_in(subject: str, host: str, port: int, security: ConnectionSecurity) -> Sequence[Finding]:
    try:
        await connect(host, port, security)
    except (OSError, KafkaError) as error:
        told = refusal_of(error, security) or f"does not answer ({str(error) or type(error).__name__})"
        return [failed(_LOGIN, subject, told, CHECK_SECURITY)]
    if security.login is not None:
        return [passed(_LOGIN, subject, f"as {security.login.username}, by {security.login.mechanism}")]
    return [passed(_LOGIN, subject, "by the client's certificate, or without an account")]
