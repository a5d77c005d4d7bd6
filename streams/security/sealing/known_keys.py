"""The data keys that are known so far, and the keys of the epochs that open them. Knows no Kafka."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas import Rejection
from streams.security.sealing.data_key import KEY_ID_BYTES, DataKey
from streams.security.sealing.key_store import INDEX_EPOCH, KeyStore, KeyStoreError
from streams.security.sealing.missing import Missing
from streams.security.sealing.wrapped_key import ErasedMark, Owner, WrappedKey, epoch_of, parse, store_of, unwrap, wrap

_ERASED = b""  # in place of the value
_UNWRAPPED_LIMIT = 10_000  # keys


class _Unwrapped(NamedTuple):
    value: bytes  # that which was unwrapped; after another one came for its id, this is not used any more
    epoch: int
    expires_ms: int
    key: DataKey


class KeyCounts(NamedTuple):
    """How many data keys there are.

    Attributes:
        current: Of the newest epoch.
        earlier: Of earlier epochs: a turn is going on, or has ended early.
        erased: Erased ones.
    """

    current: int
    earlier: int
    erased: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """What a new data key is wrapped with.

    Attributes:
        store: Id of the key store.
        number: The newest epoch.
        key: Its key, 32 bytes.
        index_key: The key of the tags, 32 bytes.
    """

    store: bytes
    number: int
    key: bytes = field(repr=False)
    index_key: bytes = field(repr=False)

    def wrap(self, key: DataKey, owner: Owner, *, created_ms: int, expires_ms: int) -> bytes:
        """The value of the record of a data key, as `wrapped_key.wrap`."""
        return wrap(
            key,
            owner,
            store=self.store,
            epoch=self.number,
            epoch_key=self.key,
            index_key=self.index_key,
            created_ms=created_ms,
            expires_ms=expires_ms,
        )


class KnownKeys:
    """The last record of every data key. One writer applies records in order; finding is thread-safe.

    Keys stay wrapped in memory until they are used: about 350 bytes each; those that were used of late are kept
    unwrapped as well. An erased key stays erased, whatever comes after its mark.

    Args:
        open_store: Opens the key store; called again until it succeeds. Raises KeyStoreError.
        now_ms: Returns the time in milliseconds since the epoch.
    """

    def __init__(
        self, open_store: Callable[[], KeyStore], now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6
    ) -> None:
        self._open_store = open_store
        self._store: KeyStore | None = None
        self._now_ms = now_ms
        self._values: dict[bytes, bytes] = {}
        self._unwrapped: dict[bytes, _Unwrapped] = {}  # the oldest first
        self._unwrapping = threading.Lock()
        self._epochs: dict[int, bytes] = {}
        self._index_key = b""
        self._counts = Counter[int]()  # by epoch; of erased ones, as `INDEX_EPOCH`
        self._living = Counter[tuple[bytes, int]]()  # by key store and epoch
        self._began_ms: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    @property
    def newest(self) -> Epoch | None:
        """The epoch for new data keys; None before the key store was read."""
        epochs = self._epochs
        if self._store is None or not epochs:
            return None
        number = max(epochs)
        return Epoch(self._store.id, number, epochs[number], self._index_key)

    @property
    def counts(self) -> KeyCounts:
        """How many keys there are."""
        newest = max(self._epochs, default=INDEX_EPOCH)
        current, erased = self._counts[newest], self._counts[INDEX_EPOCH]
        return KeyCounts(current, len(self._values) - current - erased, erased)

    @property
    def epoch_age(self) -> float:
        """Seconds since the first key of the newest epoch was written; 0 before there is one."""
        began = self._began_ms.get(max(self._epochs)) if self._epochs else None
        return 0.0 if began is None else max(0, self._now_ms() - began) / 1000

    def read_epochs(self) -> None:
        """Read the epochs of the key store. Keys of epochs that are destroyed are forgotten.

        A key store that opens none of the keys is opened anew where it fails, or where it cannot be theirs: there may
        be another one in its place.

        Raises:
            KeyStoreError: If it cannot be read; everything stays as it was.
        """
        kept = self._store if self._problem is None else None
        try:
            self._read(kept or self._open_store())
        except KeyStoreError:
            if kept is None or self._opens_any:
                raise
            self._read(self._open_store())

    def require_own_store(self) -> None:
        """Make sure that the key store is the one of the keys. Otherwise nobody else could open what it seals.

        Raises:
            KeyStoreError: If it opens none of them, and those of another one or of a later epoch are there.
        """
        if (problem := self._problem) is not None:
            raise KeyStoreError(problem)

    def _read(self, store: KeyStore) -> None:
        known = self._epochs if store is self._store else {}
        epochs = {one: known.get(one) or store.read(one) for one in store.epochs()}
        index_key = self._index_key if store is self._store else store.read(INDEX_EPOCH)
        if epochs != self._epochs:
            with self._unwrapping:
                self._unwrapped.clear()
        self._store, self._epochs, self._index_key = store, epochs, index_key

    @property
    def _opens_any(self) -> bool:
        """Whether the key store opens any key."""
        store = self._store
        return store is not None and any(self._living[store.id, epoch] for epoch in self._epochs)

    @property
    def _problem(self) -> str | None:
        """Why the key store is not the one of the keys; None if it may be."""
        if self._store is None or self._opens_any:
            return None
        own, newest = self._store.id, max(self._epochs, default=INDEX_EPOCH)
        living = [place for place, number in self._living.items() if number]
        if any(store == own and epoch > newest for store, epoch in living):
            return "the key store is an old copy: all keys are of a later epoch; take the newest one"
        others = sorted({store.hex() for store, _ in living if store != own})
        return f"the key store is {own.hex()}, and all keys are under {', '.join(others)}" if others else None

    def needs_epochs(self, value: bytes | None) -> bool:
        """Whether a record's value is under an epoch that is newer than those that were read."""
        wrapped = parse(value or b"")
        if not isinstance(wrapped, WrappedKey) or (self._store is not None and wrapped.store != self._store.id):
            return False
        return wrapped.epoch > max(self._epochs, default=INDEX_EPOCH)

    def apply(self, key_id: bytes | None, value: bytes | None, appended_ms: int = 0) -> Rejection | None:
        """Apply one record of the topic of keys.

        Args:
            key_id: The record's key.
            value: Its value.
            appended_ms: When it was appended, in milliseconds since the epoch.

        Returns:
            None; or why it is no such record, and changed nothing.
        """
        if key_id is None or len(key_id) != KEY_ID_BYTES:
            return Rejection("open", "SealedDamaged", "key", f"must be the {KEY_ID_BYTES} bytes of a key's id")
        if self._values.get(key_id) == _ERASED:
            return None
        parsed = None if value is None else parse(value)
        if isinstance(parsed, Rejection):
            return parsed
        before = self._values.get(key_id)
        with self._unwrapping:
            self._unwrapped.pop(key_id, None)
        if before is not None:
            self._count(before, -1)
        if value is None:
            self._values.pop(key_id, None)
            return None
        self._values[key_id] = kept = _ERASED if isinstance(parsed, ErasedMark) else value
        self._count(kept, 1)
        epoch = _epoch_of(kept)
        self._began_ms[epoch] = min(appended_ms, self._began_ms.get(epoch, appended_ms))  # partitions come in any order
        return None

    def _count(self, value: bytes, number: int) -> None:
        self._counts[_epoch_of(value)] += number
        if value != _ERASED:
            self._living[store_of(value), epoch_of(value)] += number

    def is_erased(self, key_id: bytes) -> bool:
        """Whether a key was erased."""
        return self._values.get(key_id) == _ERASED

    def gone(self, key_id: bytes) -> Missing | None:
        """`Missing.ERASED` or `Missing.EXPIRED` for a key that nobody wants to be used any more; else None."""
        value = self._values.get(key_id)
        wrapped = None if value is None else parse(value)
        if not isinstance(wrapped, WrappedKey):
            return None if value is None else Missing.ERASED
        if 0 < wrapped.expires_ms <= self._now_ms():
            return Missing.EXPIRED
        epochs = self._epochs
        return Missing.ERASED if wrapped.epoch not in epochs and wrapped.epoch < max(epochs, default=0) else None

    def find(self, key_id: bytes) -> DataKey | Missing:
        """The key of an id, or why there is none."""
        value = self._values.get(key_id)
        if value is None:
            return Missing.UNKNOWN
        known = self._unwrapped.get(key_id)
        if known is not None and known.value is value and known.epoch in self._epochs:
            return Missing.EXPIRED if 0 < known.expires_ms <= self._now_ms() else known.key
        return self._unwrap(key_id, value)

    def _unwrap(self, key_id: bytes, value: bytes) -> DataKey | Missing:
        wrapped = parse(value)
        if not isinstance(wrapped, WrappedKey):
            return Missing.ERASED
        if self._store is None or wrapped.store != self._store.id:
            return Missing.NO_ACCESS
        if 0 < wrapped.expires_ms <= self._now_ms():
            return Missing.EXPIRED
        epochs = self._epochs
        if wrapped.epoch not in epochs:  # a later one is missing from an old copy of the key store
            return Missing.ERASED if wrapped.epoch < max(epochs, default=0) else Missing.NO_ACCESS
        opened = unwrap(key_id, wrapped, epochs[wrapped.epoch])
        if isinstance(opened, Rejection):
            return Missing.NO_ACCESS
        with self._unwrapping:
            if self._values.get(key_id) is value:
                self._unwrapped[key_id] = _Unwrapped(value, wrapped.epoch, wrapped.expires_ms, opened[0])
            if len(self._unwrapped) > _UNWRAPPED_LIMIT:
                del self._unwrapped[next(iter(self._unwrapped))]
        return opened[0]


def _epoch_of(value: bytes) -> int:
    """The epoch of a value that is kept; `INDEX_EPOCH` of an erased key."""
    return INDEX_EPOCH if value == _ERASED else epoch_of(value)
