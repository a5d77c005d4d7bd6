"""Keys and values of the cache."""

import hashlib
import json
from dataclasses import asdict

from streams.codecs import Encoded

_LENGTH_BYTES = 4


def cache_key(pcm_sha256: str, profile: str) -> bytes:
    """Key of a file: what was encoded and how.

    Args:
        pcm_sha256: Hex digest of the decoded audio, its samples alone.
        profile: The encoding profile: level, codec, parameters, rate and channels, encoder version.

    Returns:
        32 bytes.
    """
    return hashlib.sha256(f"{pcm_sha256}\0{profile}".encode()).digest()


def pack(encoded: Encoded) -> bytes:
    """Lay out an encoded file for storage: length of the description, description as JSON, file."""
    fields = asdict(encoded)
    audio: bytes = fields.pop("audio")
    description = json.dumps(fields, sort_keys=True).encode()
    return len(description).to_bytes(_LENGTH_BYTES) + description + audio


def unpack(entry: bytes) -> Encoded:
    """Read what ``pack`` wrote."""
    start = _LENGTH_BYTES + int.from_bytes(entry[:_LENGTH_BYTES])
    return Encoded(audio=entry[start:], **json.loads(entry[_LENGTH_BYTES:start]))
