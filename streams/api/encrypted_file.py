"""A file on a disk that only this process can read: what is made of sealed audio must not lie there in clear."""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

_BLOCK = 16  # bytes


class EncryptedFile(io.RawIOBase):
    """A file without a name, encrypted with AES-256 in counter mode under a random key that is in memory alone.

    What is written over is encrypted like what was there before, so that both together tell where they differ: a
    header may be completed, other content should be written once.

    Args:
        directory: Where it is; made if it is not there.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        directory.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115  closed with this one
        self._key = AES256(os.urandom(32))
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def writable(self) -> bool:
        """It can be written."""
        return True

    def seekable(self) -> bool:
        """It can be read and written at any place."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place; returns it."""
        start = (0, self._at, os.fstat(self._file.fileno()).st_size)[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  as the base class has it: no Buffer before 3.12
        """Read into a buffer; returns the number of bytes."""
        view = memoryview(buffer).cast("B")
        found = self.read_at(self._at, len(view))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)

    def read_at(self, start: int, size: int) -> bytes:
        """Up to this number of bytes from a place on, without going there; threads may do so side by side."""
        return self._keystream(start).update(os.pread(self._file.fileno(), size, start))

    def write(self, content: Any, /) -> int:  # noqa: ANN401  as above
        """Write all of it; returns the number of bytes."""
        rest = memoryview(self._keystream(self._at).update(content))
        size = len(rest)
        while rest:
            written = os.pwrite(self._file.fileno(), rest, self._at)
            self._at, rest = self._at + written, rest[written:]
        return size

    def close(self) -> None:
        """Forget the key, and free the space."""
        self._file.close()
        super().close()

    def _keystream(self, start: int) -> CipherContext:
        counter, skipped = divmod(start, _BLOCK)
        stream = Cipher(self._key, CTR(counter.to_bytes(_BLOCK, "big"))).encryptor()
        stream.update(bytes(skipped))
        return stream
