"""Reads records from bytes that arrive in pieces; holds only the current piece in memory."""

from collections.abc import Iterator

_LONGEST_VARINT = 10


class BrokenRecordsError(ValueError):
    """The bytes cannot be records. The message says why."""


class RecordReader:
    """Reads varints and byte strings from an iterator of pieces.

    Args:
        pieces: Consecutive pieces; the iterator may raise.
    """

    def __init__(self, pieces: Iterator[bytes | bytearray | memoryview]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """Number of bytes read so far."""
        return self._before + self._at

    def at_end(self) -> bool:
        """Whether all bytes were read."""
        while self._at == len(self._piece):
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._before += self._at
            self._piece, self._at = memoryview(piece), 0
        return False

    def varint(self) -> int:
        """Read a signed varint.

        Raises:
            BrokenRecordsError: If it is incomplete, or has more than 64 bits.
        """
        number = 0
        for place in range(_LONGEST_VARINT):
            if self.at_end():
                raise BrokenRecordsError("the bytes end within a number")
            byte = self._piece[self._at]
            self._at += 1
            number |= (byte & 0x7F) << 7 * place
            if byte < 0x80:  # noqa: PLR2004  the continuation bit
                return (number >> 1) ^ -(number & 1)
        raise BrokenRecordsError("a number has more than 64 bits")

    def take(self, size: int) -> bytes:
        """Read a number of bytes.

        Raises:
            BrokenRecordsError: If there are fewer.
        """
        if size <= len(self._piece) - self._at:
            taken = bytes(self._piece[self._at : self._at + size])
            self._at += size
            return taken
        return bytes(self.gather(size))

    def gather(self, size: int) -> bytearray:
        """Read a number of bytes into one buffer, without a second copy.

        Raises:
            BrokenRecordsError: If there are fewer.
        """
        gathered = bytearray()
        for part in self.parts(size):
            gathered += part
        return gathered

    def parts(self, size: int) -> Iterator[memoryview]:
        """Read a number of bytes in parts, without collecting them.

        Raises:
            BrokenRecordsError: If there are fewer.
        """
        while size > 0:
            if self.at_end():
                raise BrokenRecordsError(f"{size} bytes are missing")
            part = self._piece[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            yield part

    def rest(self) -> bytes:
        """The unread bytes of the current piece; does not move the position."""
        return bytes(self._piece[self._at :])
