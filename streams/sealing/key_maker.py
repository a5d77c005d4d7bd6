"""Makes the data keys of the calls that a worker seals."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from schemas import Record
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.known_keys import Epoch
from streams.security.sealing.missing import Missing
from streams.security.sealing.wrapped_key import Owner

_LIMIT = 100_000  # calls


class Keys(Protocol):
    """The keys that are known, as `KeyRing` has them."""

    @property
    def newest(self) -> Epoch | Missing:
        """The epoch for new keys, or why no key can be made now."""
        ...

    def is_erased(self, key_id: bytes) -> bool:
        """Whether a key is known to be erased."""
        ...


class _Held(NamedTuple):
    key: DataKey
    epoch: int
    record: Record


class KeyMaker:
    """Holds one key for each call in each partition; thread-safe.

    A call may get several keys: after a restart, a rebalance or an erasure, when it is named with another guest, or
    when more calls go on than are held. Erasing a call erases all of them.

    A key's record goes with what it seals until a transaction with it is committed, because results of a call may be
    made in another order than they are written in. `KeyCommits` writes it once.

    Args:
        keys: Tells which keys are erased, and the newest epoch.
        limit: Calls whose keys are held.
        now_ms: Returns the time in milliseconds since the epoch.
    """

    def __init__(
        self, keys: Keys, limit: int = _LIMIT, now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6
    ) -> None:
        self._keys = keys
        self._limit = limit
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[int, Owner], _Held] = OrderedDict()
        self._unwritten: set[bytes] = set()
        self._written: OrderedDict[bytes, None] = OrderedDict()  # of late, those of dropped keys included

    def key_for(self, owner: Owner, expires_ms: int, partition: int) -> tuple[DataKey, Record | None] | Missing:
        """The key that seals what belongs to a call.

        Args:
            owner: Hotel, call and guest.
            expires_ms: When a new key expires, in milliseconds since the epoch; 0 for never.
            partition: Partition of the input and of the result.

        Returns:
            The key, and its record for the topic of keys, which has to be in the same transaction and partition number
            as what it seals; None if it is written already. Or why nothing can be sealed now.
        """
        epoch = self._keys.newest
        if isinstance(epoch, Missing):
            return epoch
        place = (partition, owner)
        with self._lock:
            held = self._held.get(place)
            if held is None or not self._serves(held, epoch):
                held = self._make(place, epoch, expires_ms)
            self._held.move_to_end(place)
            return held.key, held.record if held.key.id in self._unwritten else None

    def is_written(self, key_id: bytes) -> bool:
        """Whether the record of a key that was made lately is committed."""
        with self._lock:
            return key_id in self._written

    def written(self, key_ids: Iterable[bytes]) -> None:
        """Note that the records of keys are committed."""
        with self._lock:
            for key_id in key_ids:
                self._unwritten.discard(key_id)
                self._written[key_id] = None
            while len(self._written) > 2 * self._limit:
                self._written.popitem(last=False)

    def forget_unwritten(self) -> None:
        """Forget keys of which it is unknown whether their records are committed."""
        with self._lock:
            for place in [place for place, held in self._held.items() if held.key.id in self._unwritten]:
                self._drop(place)

    def _serves(self, held: _Held, epoch: Epoch) -> bool:
        """Whether a key may seal; nothing is written under an epoch that is about to be destroyed."""
        written = held.key.id not in self._unwritten
        return not self._keys.is_erased(held.key.id) and (written or held.epoch == epoch.number)

    def _make(self, place: tuple[int, Owner], epoch: Epoch, expires_ms: int) -> _Held:
        key = DataKey.new()
        value = epoch.wrap(key, place[1], created_ms=self._now_ms(), expires_ms=expires_ms)
        self._drop(place)
        while len(self._held) >= self._limit:
            self._drop(next(iter(self._held)))
        self._held[place] = made = _Held(key, epoch.number, Record(key.id, value))
        self._unwritten.add(key.id)
        return made

    def _drop(self, place: tuple[int, Owner]) -> None:
        held = self._held.pop(place, None)
        if held is not None:
            self._unwritten.discard(held.key.id)
