"""Tells the audit who heard or changed what over HTTP, before the answer is given: without the audit there is none."""

import asyncio
import contextlib
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException

from schemas import Record
from streams.api.access import Caller
from streams.compliance.audit_chain import Actor, AuditChain
from streams.compliance.audit_log import AuditLog
from streams.kafka.connection import KafkaConnection
from streams.telemetry.product_version import version_of

log = structlog.get_logger(__name__)

#: Seconds in which a person who hears the same again is the same entry: a player asks for a file in many parts.
_ONCE_IN = 600.0
_REMEMBERED = 100_000  # pairs of a person and a recording


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is to be written, and who waits for it."""

    actor: Actor
    action: str
    objects: Sequence[str]
    outcome: str
    reason: str
    written: asyncio.Future[None]

    def succeeded(self) -> None:
        if not self.written.done():  # it is, if nobody waits any more
            self.written.set_result(None)

    def failed(self, error: Exception) -> None:
        if not self.written.done():
            refusal = HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE, "The audit cannot be written now.", {"Retry-After": "5"}
            )
            refusal.__cause__ = error
            self.written.set_exception(refusal)


class AccessAudit:
    """Writes entries; a producer is started with the first one.

    Args:
        connection: The cluster.
        topic: The audit's full name.
    """

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._waiting: list[_Entry] = []
        self._writing: asyncio.Task[None] | None = None
        self._audit: AuditLog | None = None
        self._chain = _chain()
        self._heard: OrderedDict[tuple[str, ...], float] = OrderedDict()

    async def heard(self, caller: Caller, action: str, objects: Sequence[str]) -> None:
        """Write that somebody is given audio, once in ten minutes for the same.

        Args:
            caller: Who.
            action: As in `schemas.audit.ACTIONS`.
            objects: What it is, as ids with their kind.

        Raises:
            HTTPException: 503, if the entry cannot be written.
        """
        key, now = (caller.holder, action, *objects), time.monotonic()
        if now - self._heard.get(key, -_ONCE_IN) < _ONCE_IN:
            return
        await self.write(caller, action, objects)
        self._heard[key] = now
        self._heard.move_to_end(key)
        if len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)

    async def write(
        self, caller: Caller, action: str, objects: Sequence[str], *, outcome: str = "unknown", reason: str = ""
    ) -> None:
        """Write an entry, and wait until all in-sync replicas have it; as `heard`."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(actor_of(caller), action, objects, outcome, reason, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())
        await written

    async def close(self) -> None:
        """Close the producer, when all that waits is written."""
        if self._writing is not None:
            await self._writing
        await self._close()

    async def _write_waiting(self) -> None:
        """Write what waits, all of it at once: while it is on its way to the brokers, more comes together."""
        while self._waiting:
            entries, self._waiting = self._waiting, []
            try:
                await (await self._started()).write([one for entry in entries for one in self._records(entry)])
            except Exception as error:  # noqa: BLE001  whatever it is, nobody is given audio
                self._chain = _chain()  # the entries may be written, or not
                await self._close()
                log.error("audit_not_written", error=type(error).__name__, reason=str(error))  # noqa: TRY400  no bug
                for entry in entries:
                    entry.failed(error)
            else:
                for entry in entries:
                    entry.succeeded()

    def _records(self, entry: "_Entry") -> list[Record]:
        return self._chain.records(
            entry.actor,
            entry.action,
            entry.objects,
            outcome=entry.outcome,
            reason=entry.reason,
            request=secrets.token_hex(8),
        )

    async def _started(self) -> AuditLog:
        if self._audit is None:
            audit = AuditLog(self._connection, self._topic)
            await audit.__aenter__()
            self._audit = audit
        return self._audit

    async def _close(self) -> None:
        if self._audit is not None:
            audit, self._audit = self._audit, None
            with contextlib.suppress(KafkaError, OSError):
                await audit.__aexit__(None, None, None)


def actor_of(caller: Caller) -> Actor:
    """Who makes a request, as the audit names people."""
    principal = caller.principal
    return Actor(caller.holder, (caller.role,), "open" if principal is None else principal.method)


def _chain() -> AuditChain:
    return AuditChain(socket.gethostname(), version_of())
