"""What commands write into the audit about what they do with something of a guest.

The rule: what changes something is told in the same transaction where there is one. What hands something out is told
before; a command that cannot tell it hands out nothing.
"""

import hashlib
import re
import secrets
import socket
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka.errors import KafkaError

from schemas import Record
from schemas.access import load_roles
from schemas.topics import AUDIT
from scripts.cli import Cluster, CommandError
from streams.compliance.audit_chain import Actor, AuditChain
from streams.compliance.audit_log import AuditLog
from streams.kafka.denials import REMEDY, denial_of
from streams.telemetry.product_version import version_of

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_FINGERPRINT_DIGITS = 32


class Audit:
    """The entries of one run of a command.

    As an async context manager it can `write`; without, it makes `records` for a transaction.

    Args:
        cluster: Where the audit is.

    Attributes:
        topic: Full name of its topic.
        request: The same for all entries of the run.

    Raises:
        CommandError: On entering, if the audit cannot be written.
        TopicError: On entering, if there is no topic for it.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.topic = cluster.topic(AUDIT)
        self._cluster = cluster
        self._actor = actor_of(cluster)
        self._chain = AuditChain(socket.gethostname(), version_of())
        self.request = secrets.token_hex(8)
        self._log: AuditLog | None = None

    def records(self, action: str, objects: Sequence[str], outcome: str = "success", reason: str = "") -> list[Record]:
        """The records about an act; they have to be written in this order, and all of them."""
        return self._chain.records(self._actor, action, objects, outcome=outcome, reason=reason, request=self.request)

    async def write(self, action: str, objects: Sequence[str], outcome: str = "unknown") -> None:
        """Tell of an act, by default of one that follows.

        Raises:
            CommandError: If it cannot be written.
        """
        assert self._log is not None, "enter it first"  # noqa: S101
        try:
            await self._log.write(self.records(action, objects, outcome))
        except KafkaError as error:
            raise _refused(error) from error

    async def __aenter__(self) -> Self:
        await self._cluster.check([AUDIT])
        try:
            self._log = await AuditLog(self._cluster.connection, self.topic).__aenter__()
        except KafkaError as error:
            raise _refused(error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log is not None:
            await self._log.__aexit__(kind, error, trace)


def actor_of(cluster: Cluster) -> Actor:
    """Who a command is to the brokers: its account, which may have the name of a role, or its certificate."""
    login, certificate = cluster.connection.security.login, cluster.certificate
    if login is not None:
        return Actor(login.username, (login.username,) if login.username in load_roles() else (), login.mechanism)
    if certificate is not None:
        return Actor(f"certificate:{_fingerprint(certificate)}", (), "TLS")
    return Actor("", (), "none")


def _fingerprint(file: Path) -> str:
    """The beginning of what `openssl x509 -fingerprint -sha256` says of the first certificate in a PEM file."""
    try:
        block = _CERTIFICATE.search(file.read_text())
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    if block is None:
        raise CommandError(f"{file} has no certificate in PEM")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(block[0])).hexdigest()[:_FINGERPRINT_DIGITS]


def ids_of(calls: Iterable[tuple[str, str]]) -> list[str]:
    """The objects of an entry about calls, from pairs of hotel id and call id."""
    pairs = list(calls)
    hotels = dict.fromkeys(f"hotel:{hotel}" for hotel, _ in pairs)
    return [*hotels, *dict.fromkeys(f"call:{call}" for _, call in pairs)]


def _refused(error: KafkaError) -> CommandError:
    denial = denial_of(error)
    reason = f"{denial}; {REMEDY}" if denial else str(error)
    return CommandError(f"the audit cannot be written, so nothing was done: {reason}")
