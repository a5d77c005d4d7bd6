"""Tells the audit of logins that were refused at the HTTP endpoint: how many, and why.

An answer does not wait for the audit, and nobody can fill it: all refusals of a second with the same reason are one
entry. Who asked is not known, and addresses are personal data: the log has them.
"""

import asyncio
import secrets
import socket
from collections import Counter

import structlog
from aiokafka.errors import KafkaError

from streams.compliance.audit_chain import Actor, AuditChain
from streams.compliance.audit_log import AuditLog
from streams.kafka.connection import KafkaConnection
from streams.telemetry.metrics.process import ProcessMetrics
from streams.telemetry.product_version import version_of

log = structlog.get_logger(__name__)

_NOBODY = Actor("", (), "HTTP")
_PAUSE = 1.0  # seconds between entries
_RETRY = 10.0  # seconds after the audit could not be written


class LoginAudit:
    """Collects refusals and writes them.

    Args:
        connection: The cluster.
        topic: The audit's full name.
        metrics: Count them as well.
    """

    def __init__(self, connection: KafkaConnection, topic: str, metrics: ProcessMetrics) -> None:
        self._connection = connection
        self._topic = topic
        self._metrics = metrics
        self._refused: Counter[str] = Counter()
        self._waiting = asyncio.Event()

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._refused[reason] += 1
        self._metrics.logins_refused.labels(reason).inc()
        self._waiting.set()

    async def run(self) -> None:
        """Write refusals until cancelled. A producer is there only while there are some."""
        while True:
            await self._waiting.wait()
            try:
                await self._write()
                await asyncio.sleep(_PAUSE)
            except KafkaError as error:
                log.error("audit_not_written", error=type(error).__name__, reason=str(error))  # noqa: TRY400  no bug
                await asyncio.sleep(_RETRY)

    async def _write(self) -> None:
        chain = AuditChain(socket.gethostname(), version_of())
        async with AuditLog(self._connection, self._topic) as audit:
            counted = dict(self._refused)
            for reason, times in counted.items():
                why = f"{reason}, {times} times"
                request = secrets.token_hex(8)
                await audit.write(
                    chain.records(_NOBODY, "login-refused", [], outcome="failure", reason=why, request=request)
                )
                self._refused[reason] -= times
        self._refused = +self._refused
        if not self._refused:
            self._waiting.clear()
