"""What is to be erased, and which keys of the topic that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from streams.compliance.key_log import KeyEntry
from streams.security.sealing.key_store import INDEX_EPOCH, KeyStore
from streams.security.sealing.wrapped_key import Owner, WrappedKey, parse, tag_of, unwrap


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to be erased; exactly one of `calls`, `guest` and `before_ms` is given.

    Attributes:
        hotel: Whose calls.
        calls: These calls.
        guest: All calls of this guest, by the hotel's opaque reference.
        before_ms: All calls that began before then, in milliseconds since the epoch.
    """

    hotel: str
    calls: frozenset[str] = frozenset()
    guest: str | None = None
    before_ms: int | None = None


class FoundKey(NamedTuple):
    """A key in a scope.

    Attributes:
        entry: Its record.
        epoch: The epoch whose key opens it.
        call: The call, if it can be told.
    """

    entry: KeyEntry
    epoch: int
    call: str | None


class Selection:
    """Finds the keys of a scope.

    Args:
        scope: The scope.
        store: The key store.
    """

    def __init__(self, scope: Scope, store: KeyStore) -> None:
        self._scope = scope
        self._store = store
        index_key = store.read(INDEX_EPOCH)
        self._calls: Mapping[bytes, str] = {tag_of(index_key, scope.hotel, call): call for call in scope.calls}
        self._guest = None if scope.guest is None else tag_of(index_key, scope.hotel, scope.guest)
        self._epoch_keys = {epoch: store.read(epoch) for epoch in store.epochs()}

    def of(self, entry: KeyEntry) -> FoundKey | None:
        """The key of a record, if it is in the scope; None also for the mark of an erased one."""
        wrapped = None if entry.value is None else parse(entry.value)
        if not isinstance(wrapped, WrappedKey) or wrapped.store != self._store.id or not self._has(entry, wrapped):
            return None
        call = self._calls.get(wrapped.call_tag)
        if call is None and (owner := self._owner(entry, wrapped)) is not None:
            call = owner.call
        return FoundKey(entry, wrapped.epoch, call)

    def _has(self, entry: KeyEntry, wrapped: WrappedKey) -> bool:
        if self._scope.before_ms is None:
            return wrapped.call_tag in self._calls or wrapped.guest_tag == self._guest
        if wrapped.created_ms >= self._scope.before_ms:
            return False
        owner = self._owner(entry, wrapped)
        return owner is not None and owner.hotel == self._scope.hotel

    def _owner(self, entry: KeyEntry, wrapped: WrappedKey) -> Owner | None:
        epoch_key = self._epoch_keys.get(wrapped.epoch)
        found = None if epoch_key is None else unwrap(entry.key, wrapped, epoch_key)
        return found[1] if isinstance(found, tuple) else None

    def objects(self) -> list[str]:
        """The scope as objects of the audit: a guest as a tag, because the guest is to be forgotten."""
        named = [f"hotel:{self._scope.hotel}"]
        if self._guest is not None:
            named.append(f"guest:{self._guest.hex()}")
        if self._scope.before_ms is not None:
            moment = datetime.fromtimestamp(self._scope.before_ms / 1000, UTC)
            named.append(f"before:{moment.isoformat(timespec='seconds')}")
        return named
