"""Data keys, under which the audio of a call is sealed."""

import os
from dataclasses import dataclass, field
from typing import Self

#: Bytes of a key's id.
KEY_ID_BYTES = 16
#: Bytes of an AES-256 key.
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key of AES-256-GCM for one call. A call may have several.

    Attributes:
        id: Its random id, 16 bytes, which says nothing of the call.
        secret: The key, 32 bytes. It is not shown by ``repr``.
    """

    id: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Make a random key."""
        return cls(os.urandom(KEY_ID_BYTES), os.urandom(SECRET_BYTES))
