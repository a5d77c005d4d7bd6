"""Erases calls for who asks over HTTP, as the command does."""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import structlog
from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException

from schemas import Policy, Record
from streams.api.access import Caller
from streams.api.auditing import actor_of
from streams.clients.errors import HotelAudioError
from streams.clients.topic_reader import TopicReader
from streams.compliance.audit_chain import Actor, AuditChain
from streams.compliance.erasure import Eraser, Erasure, despite_others
from streams.compliance.erasure_scope import Scope
from streams.compliance.kafka_key_log import KafkaKeyLog
from streams.compliance.key_log import WriterReplacedError
from streams.compliance.receipt_search import ReceiptSearch
from streams.kafka.connection import KafkaConnection
from streams.kafka.denials import REMEDY, denial_of
from streams.kafka.protocol.unreadable import Unreadable
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.telemetry.product_version import version_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallEraser:
    """Erases one call at a time.

    Attributes:
        connection: The cluster.
        keys: Full name of the topic of keys.
        audit: Full name of the topic of the audit.
        open_store: Opens the key store.
        policy: Returns a hotel's policy as it is when this is called, with all that was committed before.
    """

    connection: KafkaConnection
    keys: str
    audit: str
    open_store: Callable[[], KeyStore]
    policy: Callable[[str], Awaitable[Policy]]

    async def erase(self, caller: Caller, hotel: str, call: str) -> tuple[Erasure, str]:
        """Erase a call, which the audit is told in the same transaction.

        Returns:
            What was erased, and the request that the audit knows it by.

        Raises:
            HTTPException: 503, if the keys cannot be written now.
        """
        scope = Scope(hotel, frozenset([call]))
        try:
            store = await asyncio.to_thread(self.open_store)
            return await despite_others(partial(self._attempt, store, scope, actor_of(caller)))
        except KeyStoreError as error:
            raise _unavailable(f"There are no keys to erase: {error}.") from error
        except WriterReplacedError as error:
            raise _unavailable("Other erasures or a turn of the keys came between.") from error
        except (KafkaError, OSError) as error:
            raise _unavailable(_reason(error)) from error

    async def receipt(self, request: str) -> ReceiptSearch:
        """Read the audit for the receipt of a request.

        Raises:
            HTTPException: 503, if it cannot be read now.
        """
        search = ReceiptSearch(request)
        try:
            async with TopicReader(self.connection, self.audit) as reader:
                async for record in reader.between(*await reader.bounds()):
                    search.take(None if isinstance(record, Unreadable) else record.value)
        except (KafkaError, OSError, HotelAudioError) as error:
            raise _unavailable(_reason(error)) from error
        return search

    async def _attempt(self, store: KeyStore, scope: Scope, actor: Actor) -> tuple[Erasure, str]:
        chain, request = AuditChain(socket.gethostname(), version_of()), secrets.token_hex(8)

        def told(objects: Sequence[str], outcome: str, reason: str) -> list[Record]:
            return chain.records(actor, "erasure", objects, outcome=outcome, reason=reason, request=request)

        async with KafkaKeyLog(self.connection, self.keys, self.audit) as keys:
            return await Eraser(keys, store, scope).erase(partial(self.policy, scope.hotel), told), request


def _reason(error: Exception) -> str:
    log.error("erasure_failed", error=type(error).__name__, reason=str(error))
    denial = denial_of(error)
    return "The brokers do not answer." if denial is None else f"In this process {denial}; {REMEDY}."


def _unavailable(reason: str) -> HTTPException:
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": "5"})
