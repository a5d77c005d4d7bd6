"""Keys of the cache, and entries as bytes."""

import hashlib
import json
import struct
import sys
from dataclasses import asdict, dataclass
from typing import Any

from streams.codecs import Encoded

#: Part of every key, so that entries of an older release in another format are not found.
_FORMAT = 2
#: Expiry and admission in seconds since the epoch, mean gap in seconds (0: unknown), length of the description in
#: bytes.
_HEADER = struct.Struct(">dddI")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the cache table.

    Attributes:
        encoded: The file and its properties.
        expires: Time of expiry, in seconds since the epoch.
        admitted: Time of admission, in seconds since the epoch.
        gap: Mean seconds between two uses, or None after a single use.
    """

    encoded: Encoded
    expires: float
    admitted: float
    gap: float | None


def cache_key(pcm_sha256: str, profile: str) -> bytes:
    """Compute the key of an encoded file from the audio and the encoding profile.

    Args:
        pcm_sha256: SHA-256 of the decoded samples, in hex.
        profile: The encoding profile: level, codec, parameters, rate and channels, encoder version.

    Returns:
        A SHA-256 digest, 32 bytes.
    """
    return hashlib.sha256(f"{_FORMAT}\0{pcm_sha256}\0{profile}".encode()).digest()


def pack(entry: Entry) -> bytes:
    """Serialise an entry: header, description as JSON, file."""
    fields = asdict(entry.encoded)
    audio: bytes = fields.pop("audio")
    description = json.dumps(fields, sort_keys=True).encode()
    return _HEADER.pack(entry.expires, entry.admitted, entry.gap or 0.0, len(description)) + description + audio


def unpack(value: bytes) -> Entry:
    """Deserialise an entry."""
    expires, admitted, gap, length = _HEADER.unpack_from(value)
    start = _HEADER.size + length
    fields: dict[str, Any] = json.loads(value[_HEADER.size : start])
    # Interned, so that all entries share the few different media types, codecs and encoders.
    shared: dict[str, Any] = {
        name: sys.intern(field) if isinstance(field, str) else field for name, field in fields.items()
    }
    return Entry(Encoded(audio=value[start:], **shared), expires, admitted, gap or None)


def expiry(value: bytes) -> float:
    """Return `Entry.expires` of a serialised entry, without reading the rest."""
    expires: float = _HEADER.unpack_from(value)[0]
    return expires
