"""Opens sealed records for clients, with the keys of the topic ``audio.keys``."""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from schemas import Record, Rejection
from schemas.headers import SEAL_KEY
from streams.clients.errors import KeysUnavailableError
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import Missing
from streams.security.sealing.sealed_record import is_sealed, open_record

#: Seconds for which a key may come after its record: a transaction ends in each partition by itself.
_SETTLE = 3.0
#: Seconds after which a record's transaction has ended in all partitions.
_SETTLED_AGE = 60.0
#: Seconds for which the view of the keys may be too old, before reading fails.
_PATIENCE = 20.0
_POLL = 0.02
_REMEMBERED = 10_000  # keys that did not come


class KeyView(Protocol):
    """The keys of an installation, as far as their topic was read.

    Attributes:
        obstacle: Why there is no access to any key; None if there is.
    """

    obstacle: str | None

    async def start(self) -> None:
        """Read the topic to its end, and follow it from then on.

        Raises:
            HotelAudioError: If the brokers do not answer.
        """

    def find(self, key_id: bytes) -> DataKey | Missing:
        """The key of an id, or why there is none; may be called from any thread."""
        ...

    async def stop(self) -> None:
        """Follow the topic no more."""


class RecordOpener:
    """Opens sealed records. The topic of keys is read when the first one is met, and followed from then on.

    Args:
        keys: Makes the view of the keys; None where there is no access to any.

    Attributes:
        unopened: How many records could not be opened, by the code of the answer.
    """

    def __init__(self, keys: Callable[[], KeyView] | None = None) -> None:
        self._keys = keys
        self._view: KeyView | None = None
        self._starting = asyncio.Lock()
        self._never_came: OrderedDict[bytes, None] = OrderedDict()
        self.unopened: Counter[str] = Counter()

    async def open(self, record: Record) -> Record | Rejection:
        """Open a record; one in clear is returned as it is.

        Returns:
            The record as it was before it was sealed; or why it cannot be opened.

        Raises:
            HotelAudioError: If the topic of keys cannot be read.
        """
        if not is_sealed(record):
            return record
        await self._begin()
        opened = await self._settled(record)
        if isinstance(opened, Rejection):
            self.unopened[opened.code] += 1
        return opened

    def find(self, key_id: bytes) -> DataKey | Missing:
        """The key of an id, as far as keys were read; may be called from any thread."""
        return Missing.NO_ACCESS if self._view is None else self._view.find(key_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def obstacle(self) -> str | None:
        """Why there is no access to any key; None if there is, or no sealed record was met."""
        return None if self._view is None else self._view.obstacle

    async def close(self) -> None:
        """Follow the topic of keys no more."""
        if self._view is not None:
            await self._view.stop()

    async def _begin(self) -> None:
        async with self._starting:
            if self._view is None and self._keys is not None:
                view = self._keys()
                await view.start()
                self._view = view

    async def _settled(self, record: Record) -> Record | Rejection:
        """Open a record, after waiting for a key that may still come, and for a view that is too old."""
        begun = time.monotonic()
        key = dict(record.headers).get(SEAL_KEY) or b""
        while True:
            opened = open_record(record, self.find)
            waited = time.monotonic() - begun
            match opened:
                case Rejection(code="SealedUnknown") if self._may_come(record, key, waited):
                    pass
                case Rejection(code="SealedStale"):
                    if waited >= _PATIENCE:
                        raise KeysUnavailableError("the topic of keys cannot be read: check that its brokers are up")
                case _:
                    return opened
            await asyncio.sleep(_POLL)

    def _may_come(self, record: Record, key: bytes, waited: float) -> bool:
        """Whether a key that is not there may come; remembers one that did not."""
        written = record.timestamp_ms
        if key in self._never_came or (written is not None and time.time() - written / 1000 > _SETTLED_AGE):
            return False
        if waited < _SETTLE:
            return True
        self._never_came[key] = None
        if len(self._never_came) > _REMEMBERED:
            self._never_came.popitem(last=False)
        return False
