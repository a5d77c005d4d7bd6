"""Wraps keys under another epoch's key. Pure, but for the key store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas import Policy, Rejection
from streams.compliance.key_log import KeyEntry
from streams.compliance.retention import NEVER, revised_expiry
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.wrapped_key import WrappedKey, erased_mark, parse, rewrap, unwrap

_DEFAULT = Policy(version=1)
_NO_KEY = Rejection("open", "SealedDamaged", "value", "is no wrapped key")


@dataclass(slots=True)
class Rewrapped:
    """How many keys were treated how.

    Attributes:
        living: Wrapped under the new epoch.
        expired: Erased, because their date has passed.
        unreadable: Left, because nothing opens them.
    """

    living: int = 0
    expired: int = 0
    unreadable: int = 0


def epoch_in(value: bytes | None, store: bytes) -> int | None:
    """The epoch of a key that is wrapped by this key store; None for marks, and for what is of another one."""
    wrapped = parse(value or b"")
    return wrapped.epoch if isinstance(wrapped, WrappedKey) and wrapped.store == store else None


@dataclass(slots=True)
class Rewrapper:
    """Wraps keys under the newest epoch, with the date that the hotel's policy now gives them.

    Attributes:
        store: The key store.
        epoch: The newest epoch.
        policies: By hotel.
        now_ms: The time in milliseconds since the epoch.
        done: What was done so far.
        useless: Ids of keys that nothing opens.
    """

    store: KeyStore
    epoch: int
    policies: Mapping[str, Policy]
    now_ms: int
    done: Rewrapped = field(default_factory=Rewrapped)
    useless: set[bytes] = field(default_factory=set)

    def rewrapped(self, entries: Sequence[KeyEntry]) -> list[KeyEntry]:
        """The entries that replace others."""
        keys = {epoch: self.store.read(epoch) for epoch in self.store.epochs()}
        revises = any(one.legal_hold or one.retention_days is not None for one in self.policies.values())
        replaced = []
        for entry in entries:
            value = self._value(entry, keys, revises=revises)
            if isinstance(value, bytes):
                replaced.append(entry._replace(value=value))
            else:
                self.done.unreadable += 1
                self.useless.add(entry.key)
        return replaced

    def _value(self, entry: KeyEntry, keys: Mapping[int, bytes], *, revises: bool) -> bytes | Rejection:
        """What replaces a wrapped key; it is opened for the hotel's name only where some policy may change the date."""
        wrapped = parse(entry.value or b"")
        if not isinstance(wrapped, WrappedKey):
            return _NO_KEY
        old_key, expires = keys[wrapped.epoch], wrapped.expires_ms
        if revises:
            opened = unwrap(entry.key, wrapped, old_key)
            if isinstance(opened, Rejection):
                return opened
            policy = self.policies.get(opened[1].hotel, _DEFAULT)
            expires = revised_expiry(policy, wrapped.created_ms, expires)
        if NEVER != expires <= self.now_ms:
            self.done.expired += 1
            return erased_mark(self.now_ms)
        value = rewrap(entry.key, wrapped, old_key, epoch=self.epoch, epoch_key=keys[self.epoch], expires_ms=expires)
        self.done.living += isinstance(value, bytes)
        return value
