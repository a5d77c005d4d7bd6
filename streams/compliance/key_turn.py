"""Turns the epoch: keys that live are wrapped under a new epoch's key, and the old one is destroyed.

Then every copy of a key that was erased before is worthless, wherever it is: in replicas, backups and deleted blocks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from schemas import Policy
from streams.compliance.erasure import Tell
from streams.compliance.key_log import Ends, KeyEntry, KeyLog, WriterReplacedError
from streams.compliance.key_rewrap import Rewrapped, Rewrapper, epoch_in
from streams.compliance.receipt import epoch_object
from streams.security.sealing.key_store import KeyStore

#: Seconds until no worker can write a key under the epoch that was the newest one before. One that is not frozen sees
#: the new epoch within 5 s. One that froze after it had wrapped a key, and before it wrote it, is removed from its
#: group after 8 s: the coordinator refuses its offsets from then on, so that its transaction cannot commit. One that
#: froze later has 30 s for its transaction, and the brokers look every 10 s for those that took longer.
SETTLING = 5.0 + 8.0 + 30.0 + 10.0 + 2.0
_AT_A_TIME = 20_000  # keys of one transaction: a few seconds
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did.

    Attributes:
        epoch: The epoch that is left.
        destroyed: The epochs whose keys were destroyed.
        rewrapped: Keys that live on.
        expired: Keys whose date had passed, and which were erased.
        unreadable: Keys of no use, which are left as they are: damaged, or of another key store.
        seconds: How long it took, without the time for workers to see the new epoch.
    """

    epoch: int
    destroyed: tuple[int, ...]
    rewrapped: int
    expired: int
    unreadable: int
    seconds: float


class KeysLeftError(Exception):
    """Keys are still under the old epoch, which was therefore not destroyed: a worker does not see the new one."""


class KeyTurn:
    """One turn, or what is left of one that ended early: it goes on where that stopped. After an error, make a new one.

    Args:
        log: The topic of keys.
        store: The key store.
        policies: Reads the policies of all hotels that have one.
        tell: Makes the entries of the audit.
        settling: Seconds to wait after the new epoch was made; less than `SETTLING` only where no worker runs.
        step: Called with what is being done, how much of it is done, and how much there is.
        now_ms: Returns the time in milliseconds since the epoch.
    """

    def __init__(
        self,
        log: KeyLog,
        store: KeyStore,
        policies: Callable[[], Awaitable[Mapping[str, Policy]]],
        tell: Tell,
        *,
        settling: float = SETTLING,
        step: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
    ) -> None:
        self._log = log
        self._store = store
        self._policies = policies
        self._tell = tell
        self._settling = settling
        self._step = step
        self._now_ms = now_ms

    async def run(self) -> Turn:
        """Do it.

        Raises:
            WriterReplacedError: If an erasure or another turn has begun meanwhile. Nothing was destroyed.
            KeysLeftError: If workers still wrote keys under the old epoch. Nothing was destroyed.
            KeyStoreError: If the key store refuses.
        """
        epochs = self._store.epochs()
        if len(epochs) < 2:  # noqa: PLR2004  otherwise an earlier turn has made the new one and ended early
            self._store.create(epochs[-1] + 1)
        *old, new = self._store.epochs()
        await self._settle()
        began = time.monotonic()
        await self._log.claim()
        done = await self._move_all(Rewrapper(self._store, new, await self._policies(), self._now_ms()), old)
        # The last write before the old keys are gone; it fails if somebody else has begun.
        await self._log.write([], self._tell([epoch_object(new)], "unknown", f"destroys {_named(old)}"))
        for epoch in old:
            self._store.destroy(epoch)
        await self._tell_end(new, old)
        return Turn(new, tuple(old), done.living, done.expired, done.unreadable, time.monotonic() - began)

    async def _settle(self) -> None:
        whole = max(1, round(self._settling))
        for second in range(whole):
            self._step("seconds until all workers see the new epoch", second, whole)
            await asyncio.sleep(self._settling / whole)

    async def _move_all(self, rewrapper: Rewrapper, old: Collection[int]) -> Rewrapped:
        """Wrap anew what lives under old epochs, until the topic has nothing there any more."""
        begins: Ends = {}
        under_old: dict[bytes, KeyEntry] = {}
        for _ in range(_ROUNDS):
            ends = await self._log.ends()
            await self._read(begins, ends, under_old, old, rewrapper)
            if not under_old:
                return rewrapper.done
            await self._move(list(under_old.values()), rewrapper)
            for useless in rewrapper.useless:
                under_old.pop(useless, None)
            begins = ends
        # What was written in the last round is read once more, and has to be the end of it.
        await self._read(begins, await self._log.ends(), under_old, old, rewrapper)
        if under_old:
            left = f"{len(under_old)} keys are under {_named(old)} again"
            raise KeysLeftError(f"{left}: a worker does not see the new epoch, or uses a copy of the key store")
        return rewrapper.done

    async def _read(
        self, begins: Ends, ends: Ends, under_old: dict[bytes, KeyEntry], old: Collection[int], rewrapper: Rewrapper
    ) -> None:
        """Note which keys live under old epochs, by what is read; the last record of a key is what counts."""
        first, last = sum(begins.values()), sum(ends.values())
        read = first
        async for part in self._log.between(begins, ends):
            for entry in part:
                if epoch_in(entry.value, self._store.id) in old and entry.key not in rewrapper.useless:
                    under_old[entry.key] = entry
                else:
                    under_old.pop(entry.key, None)
            read += len(part)
            self._step("keys read", read - first, last - first)

    async def _move(self, entries: Sequence[KeyEntry], rewrapper: Rewrapper) -> None:
        for at in range(0, len(entries), _AT_A_TIME):
            await self._log.write(rewrapper.rewrapped(entries[at : at + _AT_A_TIME]), [])
            self._step("keys wrapped anew", min(at + _AT_A_TIME, len(entries)), len(entries))

    async def _tell_end(self, new: int, old: Collection[int]) -> None:
        records = self._tell([epoch_object(new)], "success", f"destroyed {_named(old)}")
        try:
            await self._log.write([], records)
        except WriterReplacedError:  # too late to stop anything: the old keys are gone
            await self._log.claim()
            await self._log.write([], records)


def _named(epochs: Collection[int]) -> str:
    return ", ".join(f"epoch {epoch}" for epoch in epochs)
