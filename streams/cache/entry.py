"""Keys and values of the cache."""

import hashlib
import json
import struct
import sys
from dataclasses import asdict, dataclass
from typing import Any

from streams.codecs import Encoded

#: Written into the keys: what an older release has laid out in another way is not found.
_LAYOUT = 2
#: Expiry and admission in seconds since the epoch, mean gap in seconds (0: unknown), bytes of the description.
_HEADER = struct.Struct(">dddI")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the table keeps it.

    Attributes:
        encoded: The file and what to tell its consumers.
        expires: Seconds since the epoch from which on it must not be served.
        admitted: Seconds since the epoch at which it was admitted.
        gap: Mean seconds between two uses, or None where there was one only.
    """

    encoded: Encoded
    expires: float
    admitted: float
    gap: float | None


def cache_key(pcm_sha256: str, profile: str) -> bytes:
    """Key of a file: what was encoded and how.

    Args:
        pcm_sha256: Hex digest of the decoded audio, its samples alone.
        profile: The encoding profile: level, codec, parameters, rate and channels, encoder version.

    Returns:
        32 bytes.
    """
    return hashlib.sha256(f"{_LAYOUT}\0{pcm_sha256}\0{profile}".encode()).digest()


def pack(entry: Entry) -> bytes:
    """Lay out an entry for storage: header, description as JSON, file."""
    fields = asdict(entry.encoded)
    audio: bytes = fields.pop("audio")
    description = json.dumps(fields, sort_keys=True).encode()
    return _HEADER.pack(entry.expires, entry.admitted, entry.gap or 0.0, len(description)) + description + audio


def unpack(value: bytes) -> Entry:
    """Read what `pack` wrote."""
    expires, admitted, gap, length = _HEADER.unpack_from(value)
    start = _HEADER.size + length
    fields: dict[str, Any] = json.loads(value[_HEADER.size : start])
    # The few media types, codecs and encoders that exist are shared by all entries.
    shared: dict[str, Any] = {
        name: sys.intern(field) if isinstance(field, str) else field for name, field in fields.items()
    }
    return Entry(Encoded(audio=value[start:], **shared), expires, admitted, gap or None)


def expiry(value: bytes) -> float:
    """The `Entry.expires` of a packed entry, without reading the rest."""
    expires: float = _HEADER.unpack_from(value)[0]
    return expires
