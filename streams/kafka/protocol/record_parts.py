"""The parts of a record of format 2: runs of bytes, their beginnings, and headers."""

import contextlib
import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

from schemas import Headers
from schemas.dead_letter import EXCERPT_BYTES
from streams.kafka.protocol.record_reader import BrokenRecordsError, RecordReader

#: More headers than this are not taken apart: each takes a hundred times the two bytes that it may have.
MOST_HEADERS = 1000
#: Of a run that is passed over, so many bytes are read at a time.
_TURN_BYTES = 4 * 2**20
_SHOWN = 100


class RecordHeaders(NamedTuple):
    """What stands behind a record's value.

    Attributes:
        pairs: Names and values; none where there are more than `MOST_HEADERS`.
        number: How many there are.
        bad_name: The first name that is not UTF-8, with backslashes, as all such names are in `pairs`.
    """

    pairs: Headers
    number: int
    bad_name: str | None


def headers_of(raw: bytes) -> RecordHeaders:
    """Take headers apart.

    Args:
        raw: All that follows a record's value.

    Raises:
        BrokenRecordsError: If they are none.
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
    """Take those first headers apart that stand whole in the beginning of all.

    Args:
        raw: The first bytes of what follows a record's value.

    Raises:
        BrokenRecordsError: If not even their number is there.
    """
    reader = RecordReader(iter((raw,)))
    count = reader.varint()
    pairs: list[tuple[str, bytes | None]] = []
    with contextlib.suppress(BrokenRecordsError):  # the first one that does not stand there whole
        while len(pairs) < min(count, MOST_HEADERS):
            pairs.append((_name(reader).decode("utf-8", "backslashreplace"), sized(reader)))
    return RecordHeaders(tuple(pairs), count, None)


def _name(reader: RecordReader) -> bytes:
    name = sized(reader)
    if name is None:
        raise BrokenRecordsError("a header has no name")
    return name


def sized(reader: RecordReader) -> bytes | None:
    """Read a run of bytes that follows its length; None where that is negative.

    Raises:
        BrokenRecordsError: If it has no end.
    """
    size = reader.varint()
    return None if size < 0 else reader.take(size)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is kept of a run of bytes.

    Attributes:
        first: Its first bytes; None where there is no run.
        size: Its length.
        digest: SHA-256 of all of it, in hex.
    """

    first: bytes | None
    size: int
    digest: str

    @property
    def is_cut(self) -> bool:
        """Whether there is more of it."""
        return self.first is not None and len(self.first) < self.size


def beginning(reader: RecordReader, end: int) -> Generator[None, None, Beginning]:
    """Read a run of bytes that follows its length, and keep its beginning; give None now and then.

    Args:
        reader: Where it is read.
        end: The reader's position behind which it must not reach.

    Raises:
        BrokenRecordsError: If it does.
    """
    size = reader.varint()
    if size > end - reader.position:
        raise BrokenRecordsError(f"{size} bytes are said to be among {end - reader.position}")
    if size < 0:
        return Beginning(None, 0, "")
    first, digest = bytearray(), hashlib.sha256()
    for part in turns(reader, size):
        if part is None:
            yield
        else:
            digest.update(part)
            first += part[: EXCERPT_BYTES - len(first)]
    return Beginning(bytes(first), size, digest.hexdigest())


def turns(reader: RecordReader, size: int) -> Generator[memoryview | None, None, None]:
    """Read so many bytes in parts, with None now and then among them.

    Raises:
        BrokenRecordsError: If there are fewer.
    """
    until = reader.position + _TURN_BYTES
    for part in reader.parts(size):
        yield part
        if reader.position > until:
            until = reader.position + _TURN_BYTES
            yield None
