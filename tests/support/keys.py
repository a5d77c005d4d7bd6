"""Key stores and records of data keys for tests."""

from pathlib import Path

from schemas import Record
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import INDEX_EPOCH, KeyStore
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import Owner, wrap

OWNER = Owner("seaside", "call-1", "guest-7")


def new_store(directory: Path) -> SlotFile:
    """A new key store in a file."""
    return SlotFile.make(directory / "keys")


def key_record(store: KeyStore, key: DataKey, owner: Owner = OWNER, *, epoch: int = 0, expires_ms: int = 0) -> Record:
    """The record of a data key, by default under the newest epoch."""
    epoch = epoch or store.epochs()[-1]
    value = wrap(
        key,
        owner,
        store=store.id,
        epoch=epoch,
        epoch_key=store.read(epoch),
        index_key=store.read(INDEX_EPOCH),
        created_ms=1_700_000_000_000,
        expires_ms=expires_ms,
    )
    return Record(key.id, value)
