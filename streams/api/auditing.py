"""Tells the audit who heard or changed what over HTTP, before the answer is given: without the audit there is none."""

import asyncio
import contextlib
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException

from streams.api.access import Caller
from streams.compliance.audit_chain import Actor, AuditChain
from streams.compliance.audit_log import AuditLog
from streams.kafka.connection import KafkaConnection
from streams.telemetry.product_version import version_of

log = structlog.get_logger(__name__)

#: Seconds in which a person who hears the same again is the same entry: a player asks for a file in many parts.
_ONCE_IN = 600.0
_REMEMBERED = 100_000  # pairs of a person and a recording


class AccessAudit:
    """Writes entries; a producer is started with the first one.

    Args:
        connection: The cluster.
        topic: The audit's full name.
    """

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._lock = asyncio.Lock()
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
        principal = caller.principal
        actor = Actor(caller.holder, (caller.role,), "open" if principal is None else principal.method)
        async with self._lock:
            try:
                audit = await self._started()
                entry = self._chain.records(
                    actor, action, objects, outcome=outcome, reason=reason, request=secrets.token_hex(8)
                )
                await audit.write(entry)
            except (KafkaError, OSError) as error:
                self._chain = _chain()  # the entry may be written, or not
                await self._close()
                log.error("audit_not_written", error=type(error).__name__, reason=str(error))  # noqa: TRY400  no bug
                raise HTTPException(
                    HTTPStatus.SERVICE_UNAVAILABLE, "The audit cannot be written now.", {"Retry-After": "5"}
                ) from error

    async def close(self) -> None:
        """Close the producer."""
        async with self._lock:
            await self._close()

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


def _chain() -> AuditChain:
    return AuditChain(socket.gethostname(), version_of())
