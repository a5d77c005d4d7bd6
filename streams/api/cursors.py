"""Cursors: where a list goes on, as opaque text that belongs to one list alone. Pure."""

import base64
import binascii
import hashlib
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

_FORM = struct.Struct(">q16s8s")
_CHECK_BYTES = 8


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last item that was seen.

    Attributes:
        time_ms: Its time, in milliseconds since the epoch.
        id: Its id.
    """

    time_ms: int
    id: str

    def text(self, filters: Mapping[str, object]) -> str:
        """The cursor of a list with these filters."""
        key = uuid.UUID(self.id).bytes
        packed = _FORM.pack(self.time_ms, key, _check(self.time_ms, key, filters))
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @property
    def key(self) -> bytes:
        """The id as the index has it."""
        return uuid.UUID(self.id).bytes

    @classmethod
    def read(cls, text: str, filters: Mapping[str, object]) -> "Cursor | None":
        """The cursor of a text; None if it was not made for a list with these filters."""
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            time_ms, key, check = _FORM.unpack(packed)
        except (binascii.Error, struct.error, ValueError):
            return None
        return cls(time_ms, str(uuid.UUID(bytes=key))) if check == _check(time_ms, key, filters) else None


def _check(time_ms: int, key: bytes, filters: Mapping[str, object]) -> bytes:
    # It keeps mistakes out, and no secrets: whoever makes one up sees no more than the list shows anyway.
    text = repr((time_ms, key, sorted((name, str(value)) for name, value in filters.items())))
    return hashlib.sha256(text.encode()).digest()[:_CHECK_BYTES]
