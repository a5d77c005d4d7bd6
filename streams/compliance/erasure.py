"""Erases calls: every key of theirs in the topic gives way to a mark. What they sealed opens nowhere from then on."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from schemas import Policy, Record
from streams.compliance.erasure_scope import FoundKey, Scope, Selection
from streams.compliance.key_log import KeyLog, WriterReplacedError
from streams.compliance.receipt import epoch_object
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.wrapped_key import erased_mark

#: Makes the records of the audit about an act, from its objects, its outcome and the reason.
Tell = Callable[[Sequence[str], str, str], Sequence[Record]]

NOTHING_LEFT = "nothing was left"
#: Keys of one transaction: far below what the brokers take in the time of one.
_AT_A_TIME = 10_000
_ATTEMPTS = 6
_PAUSE = 0.2  # seconds before another attempt, and at random some more with each
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased.

    Attributes:
        keys: Number of keys.
        calls: The calls that they were for, as far as that can be told.
        epoch: The erasure is final when neither this epoch nor an earlier one has a key any more.
        held: Whether nothing was erased, because of a legal hold.
    """

    keys: int
    calls: frozenset[str]
    epoch: int
    held: bool = False


async def despite_others(
    attempt: Callable[[], Awaitable[T]], told: Callable[[WriterReplacedError], None] = lambda _: None
) -> T:
    """Erase, again if another erasure or a turn has begun meanwhile, some times.

    Args:
        attempt: Erases with a new `Eraser`.
        told: Called before another attempt.

    Raises:
        WriterReplacedError: If others came between each time.
    """
    for number in range(1, _ATTEMPTS):
        try:
            return await attempt()
        except WriterReplacedError as error:
            told(error)
            await asyncio.sleep(_PAUSE * (1 + number * random.random()))  # noqa: S311  only spreads attempts
    return await attempt()


class Eraser:
    """Erases for one request. After an error, make a new one.

    Args:
        log: The topic of keys.
        store: The key store.
        scope: What to erase.
        now_ms: Returns the time in milliseconds since the epoch.
    """

    def __init__(
        self, log: KeyLog, store: KeyStore, scope: Scope, now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6
    ) -> None:
        self._log = log
        self._store = store
        self._scope = scope
        self._selection = Selection(scope, store)
        self._now_ms = now_ms

    async def look(self) -> Erasure:
        """What `erase` would erase now."""
        return self._erasure(await self._find())

    async def erase(self, policy: Callable[[], Awaitable[Policy]], tell: Tell) -> Erasure:
        """Erase what is in the topic now; a call that goes on gets a new key for what comes later.

        Args:
            policy: Reads the hotel's policy, which may have a legal hold.
            tell: Makes the entries of the audit, which are written together with the marks.

        Raises:
            WriterReplacedError: If another erasure or a turn has begun meanwhile. Do it again.
        """
        await self._log.claim()
        if (await policy()).legal_hold:
            await self._log.write([], tell(self._objects(self._scope.calls), "failure", "legal hold"))
            return Erasure(0, frozenset(), self._newest, held=True)
        found = await self._find()
        for at in range(0, len(found), _AT_A_TIME):
            part, mark = found[at : at + _AT_A_TIME], erased_mark(self._now_ms())
            entries = tell(self._objects(_calls(part), _newest(part)), "success", "")
            await self._log.write([one.entry._replace(value=mark) for one in part], entries)
        missing = self._scope.calls - _calls(found)
        if missing or not found:
            await self._log.write([], tell(self._objects(missing), "success", NOTHING_LEFT))
        return self._erasure(found)

    @property
    def _newest(self) -> int:
        return self._store.epochs()[-1]

    def _erasure(self, found: Sequence[FoundKey]) -> Erasure:
        return Erasure(len(found), _calls(found), _newest(found) if found else self._newest)

    async def _find(self) -> list[FoundKey]:
        """The keys in the scope, at the end that the topic has now; waits for what is not committed there."""
        found: dict[bytes, FoundKey] = {}
        async for part in self._log.between({}, await self._log.ends()):
            for entry in part:
                chosen = self._selection.of(entry)
                if chosen is None:
                    found.pop(entry.key, None)  # a mark has replaced it
                else:
                    found[entry.key] = chosen
        return list(found.values())

    def _objects(self, calls: Collection[str], epoch: int | None = None) -> list[str]:
        named = [*self._selection.objects(), *(f"call:{call}" for call in sorted(calls))]
        return [*named, epoch_object(self._newest if epoch is None else epoch)]


def _calls(found: Sequence[FoundKey]) -> frozenset[str]:
    return frozenset(one.call for one in found if one.call is not None)


def _newest(found: Sequence[FoundKey]) -> int:
    return max(one.epoch for one in found)
