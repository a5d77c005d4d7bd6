"""A key store in one file of fixed slots, each overwritten in place.

A file that is replaced as a whole leaves the old one in free blocks of the disk; a slot that is overwritten does not,
on a disk that writes in place. Spare cells of flash disks, and file systems that copy on write, may keep old slots.
"""

import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from streams.security.sealing.key_store import (
    EPOCH_KEY_BYTES,
    FIRST_EPOCH,
    INDEX_EPOCH,
    STORE_ID_BYTES,
    KeyStoreError,
)

_MAGIC = b"HASKEYS1"
_SLOTS = 63
_UNIT = 64  # bytes of the header and of each slot; never across two sectors of a disk
_CHECKSUM_BYTES = 16
_HEADER = struct.Struct(f">8s{STORE_ID_BYTES}s")
_SLOT = struct.Struct(f">BI{EPOCH_KEY_BYTES}s")  # state, epoch, key
_FREE, _LIVING, _DESTROYED = range(3)
_BYTES = _UNIT * (1 + _SLOTS)


class _Slot(NamedTuple):
    state: int
    epoch: int
    key: bytes


class SlotFile:
    """A `KeyStore` in a file. Several processes may use it at once; those that change it wait for each other.

    Args:
        path: The file; `SlotFile.make` makes it.

    Attributes:
        path: The file.
        id: See `KeyStore.id`.

    Raises:
        KeyStoreError: If it is missing, cannot be read, is open to everybody, or is no key store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = b""
        with self._opened(os.O_RDONLY) as file:
            self.id = _id(self._content(file))

    @classmethod
    def make(cls, path: Path) -> "SlotFile":
        """Make a key store with an index key and the key of the first epoch, for its owner alone.

        Raises:
            KeyStoreError: If there is something already, or it cannot be written.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise KeyStoreError(f"{path}: is there already, and is left as it is") from None
        except OSError as error:
            raise KeyStoreError(f"{path}: {error.strerror}") from None
        try:
            header = _with_checksum(_HEADER.pack(_MAGIC, os.urandom(STORE_ID_BYTES)))
            free = _with_checksum(_SLOT.pack(_FREE, 0, bytes(EPOCH_KEY_BYTES)))
            os.pwrite(file, header + free * _SLOTS, 0)
            os.fsync(file)
        except OSError as error:
            raise KeyStoreError(f"{path}: {error.strerror}") from None
        finally:
            os.close(file)
        made = cls(path)
        made.create(INDEX_EPOCH)
        made.create(FIRST_EPOCH)
        return made

    def epochs(self) -> tuple[int, ...]:
        """See `KeyStore.epochs`."""
        with self._opened(os.O_RDONLY) as file:
            slots = self._slots(file)
        return tuple(sorted(one.epoch for one in slots if one.state == _LIVING and one.epoch != INDEX_EPOCH))

    def create(self, epoch: int) -> None:
        """See `KeyStore.create`."""
        with self._locked() as file:
            slots = self._slots(file)
            used = [one.epoch for one in slots if one.state != _FREE]
            if used and epoch <= max(used):
                raise KeyStoreError(f"{self.path}: epoch {epoch} is not later than {max(used)}, which is there or was")
            self._write(file, self._place(slots), _Slot(_LIVING, epoch, os.urandom(EPOCH_KEY_BYTES)))

    def read(self, epoch: int) -> bytes:
        """See `KeyStore.read`."""
        with self._opened(os.O_RDONLY) as file:
            slots = self._slots(file)
        for one in slots:
            if one.state == _LIVING and one.epoch == epoch:
                return one.key
        raise KeyStoreError(f"{self.path}: has no key of epoch {epoch}")

    def destroy(self, epoch: int) -> None:
        """See `KeyStore.destroy`."""
        if epoch == INDEX_EPOCH:
            raise ValueError("the index key outlives all epochs")
        with self._locked() as file:
            for place, one in enumerate(self._slots(file)):
                if one.state == _LIVING and one.epoch == epoch:
                    self._write(file, place, _Slot(_DESTROYED, epoch, bytes(EPOCH_KEY_BYTES)))

    def _place(self, slots: list[_Slot]) -> int:
        """Where the next key goes: a slot that was never used, or that of the epoch which was destroyed first."""
        candidates = [(one.epoch, place) for place, one in enumerate(slots) if one.state != _LIVING]
        if not candidates:
            raise KeyStoreError(f"{self.path}: all {_SLOTS} slots have keys of epochs that were not destroyed")
        return min(candidates)[1]

    def _write(self, file: int, place: int, slot: _Slot) -> None:
        try:
            os.pwrite(file, _with_checksum(_SLOT.pack(*slot)), _UNIT * (1 + place))
            os.fsync(file)
        except OSError as error:
            raise KeyStoreError(f"{self.path}: {error.strerror}") from None

    def _slots(self, file: int) -> list[_Slot]:
        content = self._content(file)
        return [self._slot(content, place) for place in range(_SLOTS)]

    def _slot(self, content: bytes, place: int) -> _Slot:
        begin = _UNIT * (1 + place)
        unit = content[begin : begin + _UNIT]
        if not _is_sound(unit):
            raise KeyStoreError(f"{self.path}: slot {place} is damaged; take the file from its backup")
        return _Slot(*_SLOT.unpack_from(unit))

    def _content(self, file: int) -> bytes:
        """The whole file, if it is a key store that is for its owner alone."""
        if os.fstat(file).st_mode & stat.S_IRWXO:
            raise KeyStoreError(f"{self.path}: everybody can open it; allow it to its owner alone (chmod 600)")
        content = os.pread(file, _BYTES + 1, 0)
        if not content.startswith(_MAGIC):
            raise KeyStoreError(f"{self.path}: is no key store")
        if len(content) != _BYTES:
            raise KeyStoreError(f"{self.path}: has {len(content)} bytes instead of {_BYTES}, as if it were truncated")
        if not _is_sound(content[:_UNIT]):
            raise KeyStoreError(f"{self.path}: its header is damaged; take the file from its backup")
        if self.id and _id(content) != self.id:
            raise KeyStoreError(f"{self.path}: is now the key store of another installation")
        return content

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        try:
            file = os.open(self.path, flags | os.O_CLOEXEC)
        except OSError as error:
            raise KeyStoreError(f"{self.path}: {error.strerror}") from None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise KeyStoreError(f"{self.path}: is no file")
            yield file
        finally:
            os.close(file)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file for a change, while no other process changes it."""
        with self._opened(os.O_RDWR) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _id(content: bytes) -> bytes:
    return bytes(_HEADER.unpack_from(content)[1])


def _with_checksum(content: bytes) -> bytes:
    padded = content.ljust(_UNIT - _CHECKSUM_BYTES, b"\0")
    return padded + _checksum(padded)


def _is_sound(unit: bytes) -> bool:
    return _checksum(unit[:-_CHECKSUM_BYTES]) == unit[-_CHECKSUM_BYTES:]


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_CHECKSUM_BYTES]
