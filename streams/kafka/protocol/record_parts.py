"""Parses the parts of a record of format 2: byte strings, prefixes of long ones, and headers."""

import contextlib
import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

from schemas import Headers
from schemas.dead_letter import EXCERPT_BYTES
from streams.kafka.protocol.record_reader import BrokenRecordsError, RecordReader

#: More headers than this are not parsed: a header of two bytes takes a hundred times as much memory.
MOST_HEADERS = 1000
#: Bytes that are read between two pauses while a long byte string is skipped.
_BYTES_PER_PAUSE = 4 * 2**20
_SHOWN = 100


class RecordHeaders(NamedTuple):
    """The headers of a record.

    Attributes:
        pairs: Names and values; empty when there are more than `MOST_HEADERS`. Bytes of names that are not UTF-8 are
            escaped with backslashes.
        number: Number of headers.
        bad_name: The first name that is not UTF-8, escaped; None when all are valid.
    """

    pairs: Headers
    number: int
    bad_name: str | None


def headers_of(raw: bytes) -> RecordHeaders:
    """Parse all headers of a record.

    Args:
        raw: The bytes after the record's value.

    Raises:
        BrokenRecordsError: If they are invalid.
    """
    reader = RecordReader(iter((raw,)))
    count = reader.varint()
    if count > MOST_HEADERS:
        return RecordHeaders((), count, None)
    if count < 0:
        raise BrokenRecordsError(f"it is said to have {count} headers")
    pairs, bad_name = [], None
    for _ in range(count):
        name = _name(reader)
        try:
            text = name.decode()
        except UnicodeDecodeError:
            text = name.decode("utf-8", "backslashreplace")
            bad_name = bad_name or text[:_SHOWN]
        pairs.append((text, sized(reader)))
    if not reader.at_end():
        raise BrokenRecordsError("more follows after its headers")
    return RecordHeaders(tuple(pairs), count, bad_name)


def leading_headers(raw: bytes) -> RecordHeaders:
    """Parse the headers that are complete in a prefix of a record's headers.

    Args:
        raw: The first bytes after the record's value.

    Raises:
        BrokenRecordsError: If their number cannot be read.
    """
    reader = RecordReader(iter((raw,)))
    count = reader.varint()
    pairs: list[tuple[str, bytes | None]] = []
    with contextlib.suppress(BrokenRecordsError):  # at the first incomplete header
        while len(pairs) < min(count, MOST_HEADERS):
            pairs.append((_name(reader).decode("utf-8", "backslashreplace"), sized(reader)))
    return RecordHeaders(tuple(pairs), count, None)


def _name(reader: RecordReader) -> bytes:
    name = sized(reader)
    if name is None:
        raise BrokenRecordsError("a header has no name")
    return name


def sized(reader: RecordReader) -> bytes | None:
    """Read a byte string with its length; None when the length is negative.

    Raises:
        BrokenRecordsError: If it is incomplete.
    """
    size = reader.varint()
    return None if size < 0 else reader.take(size)


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first bytes of a long byte string.

    Attributes:
        first: Its first bytes; None for null.
        size: Its whole length in bytes.
        digest: SHA-256 of the whole, in hex.
    """

    first: bytes | None
    size: int
    digest: str

    @property
    def is_cut(self) -> bool:
        """Whether the byte string is longer than `first`."""
        return self.first is not None and len(self.first) < self.size


def read_prefix(reader: RecordReader, end: int) -> Generator[None, None, Prefix]:
    """Read a byte string with its length, and keep only its first bytes; yields None now and then.

    Args:
        reader: The reader.
        end: The position at which the record ends.

    Raises:
        BrokenRecordsError: If the byte string reaches beyond the end.
    """
    size = reader.varint()
    if size > end - reader.position:
        raise BrokenRecordsError(f"{size} bytes are said to be among {end - reader.position}")
    if size < 0:
        return Prefix(None, 0, "")
    first, digest = bytearray(), hashlib.sha256()
    for part in parts_with_pauses(reader, size):
        if part is None:
            yield
        else:
            digest.update(part)
            first += part[: EXCERPT_BYTES - len(first)]
    return Prefix(bytes(first), size, digest.hexdigest())


def parts_with_pauses(reader: RecordReader, size: int) -> Generator[memoryview | None, None, None]:
    """Read a number of bytes in parts; yields None now and then, for a pause.

    Raises:
        BrokenRecordsError: If there are fewer.
    """
    until = reader.position + _BYTES_PER_PAUSE
    for part in reader.parts(size):
        yield part
        if reader.position > until:
            until = reader.position + _BYTES_PER_PAUSE
            yield None
