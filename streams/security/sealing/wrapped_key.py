"""Data keys as they lie in the topic ``audio.keys``: wrapped under the key of an epoch. Pure.

A record's key is the id of the data key; its value is one of two:

- a wrapped key: version (1), kind 1 (1), id of the key store (16), epoch (4), created and expires in milliseconds since
  the Unix epoch (8 each, expires 0 for never), tag of the call (16), tag of the guest (16, zeros if none is named);
  then nonce (12), ciphertext and tag (16) by AES-256-GCM under the epoch's key, of the data key (32) and of the JSON
  list of hotel, call and guest. Its additional data is all that comes before the nonce, and the id of the data key.
- the mark of an erased one: version (1), kind 2 (1), time in milliseconds since the Unix epoch (8).

Integers are big-endian. A tag is the first 16 bytes of HMAC-SHA256, under the index key of the key store, of hotel, a
zero byte, and call or guest: keys of a call are found by it, and it says nothing to who does not have the key store.
"""

import hmac
import json
import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas import Rejection
from streams.security.sealing.data_key import SECRET_BYTES, DataKey
from streams.security.sealing.key_store import STORE_ID_BYTES

TAG_BYTES = 16
#: The tag where no guest is named.
NO_GUEST = bytes(TAG_BYTES)

_VERSION = 1
_WRAPPED, _ERASED = 1, 2
_HEADER = struct.Struct(f">BB{STORE_ID_BYTES}sIQQ{TAG_BYTES}s{TAG_BYTES}s")
_STORE_AT = slice(2, 2 + STORE_ID_BYTES)
_EPOCH_AT = slice(2 + STORE_ID_BYTES, 2 + STORE_ID_BYTES + 4)
_MARK = struct.Struct(">BBQ")
_NONCE_BYTES = 12
_GCM_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose key it is.

    Attributes:
        hotel: The hotel.
        call: Its call.
        guest: The hotel's opaque reference of the guest; empty if none is named.
    """

    hotel: str
    call: str
    guest: str = ""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key that only the key of its epoch opens.

    Attributes:
        store: Id of the key store that has the epoch's key.
        epoch: The epoch.
        created_ms: When the data key was made.
        expires_ms: From when on it opens nothing; 0 for never.
        call_tag: Tag of the call.
        guest_tag: Tag of the guest; `NO_GUEST` if none is named.
        value: The record's value, whole.
    """

    store: bytes
    epoch: int
    created_ms: int
    expires_ms: int
    call_tag: bytes
    guest_tag: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class ErasedMark:
    """In place of a key that was erased.

    Attributes:
        erased_ms: When it was erased.
    """

    erased_ms: int


def tag_of(index_key: bytes, hotel: str, reference: str) -> bytes:
    """The tag of a call or a guest of a hotel."""
    return hmac.digest(index_key, f"{hotel}\0{reference}".encode(), "sha256")[:TAG_BYTES]


def wrap(
    key: DataKey,
    owner: Owner,
    *,
    store: bytes,
    epoch: int,
    epoch_key: bytes,
    index_key: bytes,
    created_ms: int,
    expires_ms: int,
) -> bytes:
    """The value of the record of a data key."""
    guest = tag_of(index_key, owner.hotel, owner.guest) if owner.guest else NO_GUEST
    call = tag_of(index_key, owner.hotel, owner.call)
    header = _HEADER.pack(_VERSION, _WRAPPED, store, epoch, created_ms, expires_ms, call, guest)
    content = key.secret + json.dumps([owner.hotel, owner.call, owner.guest]).encode()
    return _sealed(header, key.id, content, epoch_key)


def rewrap(
    key_id: bytes, wrapped: WrappedKey, old_key: bytes, *, epoch: int, epoch_key: bytes, expires_ms: int
) -> bytes | Rejection:
    """The value of the record of the same data key under the key of another epoch."""
    content = _content(key_id, wrapped, old_key)
    if isinstance(content, Rejection):
        return content
    tags = (wrapped.call_tag, wrapped.guest_tag)
    header = _HEADER.pack(_VERSION, _WRAPPED, wrapped.store, epoch, wrapped.created_ms, expires_ms, *tags)
    return _sealed(header, key_id, content, epoch_key)


def erased_mark(erased_ms: int) -> bytes:
    """The value of the record that replaces an erased key."""
    return _MARK.pack(_VERSION, _ERASED, erased_ms)


def parse(value: bytes) -> WrappedKey | ErasedMark | Rejection:
    """Read the value of a record, without opening it."""
    if value[:2] == bytes((_VERSION, _ERASED)) and len(value) == _MARK.size:
        return ErasedMark(_MARK.unpack(value)[2])
    least = _HEADER.size + _NONCE_BYTES + SECRET_BYTES + _GCM_TAG_BYTES
    if value[:2] != bytes((_VERSION, _WRAPPED)) or len(value) < least:
        return _damaged("is no record of a key in a format that this release knows")
    _, _, store, epoch, created_ms, expires_ms, call_tag, guest_tag = _HEADER.unpack_from(value)
    return WrappedKey(store, epoch, created_ms, expires_ms, call_tag, guest_tag, value)


def epoch_of(value: bytes) -> int:
    """The epoch of a wrapped key's value, without looking at the rest of it."""
    return int.from_bytes(value[_EPOCH_AT])


def store_of(value: bytes) -> bytes:
    """The id of the key store of a wrapped key's value, without looking at the rest of it."""
    return value[_STORE_AT]


def unwrap(key_id: bytes, wrapped: WrappedKey, epoch_key: bytes) -> tuple[DataKey, Owner] | Rejection:
    """Open a wrapped key.

    Args:
        key_id: The record's key.
        wrapped: Its value.
        epoch_key: The key of its epoch, 32 bytes.

    Returns:
        The data key and whose it is; or a `Rejection` of the code ``SealedDamaged``, also for another epoch's key.
    """
    content = _content(key_id, wrapped, epoch_key)
    if isinstance(content, Rejection):
        return content
    return DataKey(key_id, content[:SECRET_BYTES]), Owner(*json.loads(content[SECRET_BYTES:]))


def _content(key_id: bytes, wrapped: WrappedKey, epoch_key: bytes) -> bytes | Rejection:
    header, rest = wrapped.value[: _HEADER.size], wrapped.value[_HEADER.size :]
    try:
        return AESGCM(epoch_key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + key_id)
    except InvalidTag:
        return _damaged("is not what was wrapped under the key of its epoch")


def _sealed(header: bytes, key_id: bytes, content: bytes, epoch_key: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return header + nonce + AESGCM(epoch_key).encrypt(nonce, content, header + key_id)


def _damaged(reason: str) -> Rejection:
    return Rejection("open", "SealedDamaged", "value", reason)
