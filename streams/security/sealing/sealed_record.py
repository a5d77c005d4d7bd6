"""Sealed records: the value, and headers that would tell too much, are encrypted under the call's key. Pure.

Results, dead letters and inputs are sealed alike. A value becomes ``nonce (12) | ciphertext | tag (16)`` by AES-256-GCM
under the call's data key; an absent or empty one stays as it is. Three headers are added:

- ``ce_seal``: the version of this format, ``1``;
- ``ce_sealkey``: the key's id in 32 hex digits;
- ``ce_sealedheaders``: base64 of ``nonce | ciphertext | tag``; in it is JSON, a list of the headers that are sealed,
  each with its place among all headers, its name and its value: ``[[5, "ce_pcmsha256", "..."]]``.

The additional data begins with one byte for the version, the key's id, and length (4 bytes, big-endian) and bytes of
``ce_source``, ``ce_id`` and ``content-type``, each empty if it is missing. Then come ``value`` for the value; for the
headers ``headers`` and the last 16 bytes of the sealed value, or nothing if there is none. Neither topic nor offset is
in it, so that dead letters and inputs that are sent again can be opened.

In clear, ``ce_sha256`` is the digest of the sealed value. Where the audio lies in a store, it stays that of the sealed
object, and is sealed as well, so that a forged one is told.
"""

import base64
import binascii
import hashlib
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas import Headers, Record, Rejection
from schemas import headers as h
from schemas.dead_letter import VALUE_SHA256
from streams.security.sealing.data_key import KEY_ID_BYTES, DataKey
from streams.security.sealing.missing import FindKey, Missing, missing_rejection

VERSION = 1

_VERSION_BYTE, _VERSION_TEXT = VERSION.to_bytes(1), str(VERSION).encode()
_CONTENT_TYPE_LENGTH = len(h.CONTENT_TYPE)
_NONCE_BYTES = 12
_TAG_BYTES = 16
#: Headers that are sealed. Digests of personal audio would confirm what somebody suspects to hear in it.
SEALED = frozenset({h.SHA256, h.PCM_SHA256, h.GUEST_REF, VALUE_SHA256})
_ADDED = (h.SEAL, h.SEAL_KEY, h.SEALED_HEADERS)
#: Headers are bytes; those of a dead letter need not be UTF-8.
_TEXT = "surrogateescape"


def is_sealed(record: Record) -> bool:
    """Whether a record says that it is sealed, by any header of a seal: one that lost some of them is not in clear."""
    return any(name in _ADDED and value is not None for name, value in record.headers)


def seal_record(record: Record, key: DataKey) -> Record:
    """Seal a record.

    A record that says that it is sealed is sealed a second time: nothing stays in clear because it claims to be sealed.

    Args:
        record: A result, a dead letter or an input; any record, whatever is wrong with it.
        key: The data key of its call.
    """
    cipher, data = AESGCM(key.secret), _additional_data(record.headers, key.id)
    value = _encrypted(cipher, record.value, data + b"value") if record.value else record.value
    hidden = [
        (at, name, None if text is None else text.decode(errors=_TEXT))
        for at, (name, text) in enumerate(record.headers)
        if name in SEALED
    ]
    sealed_headers = _encrypted(cipher, json.dumps(hidden).encode(), data + b"headers" + _tag(value))
    digest = hashlib.sha256(value).hexdigest().encode() if value else None
    in_clear = tuple(
        (name, digest or text if name == h.SHA256 else text)
        for name, text in record.headers
        if name not in SEALED or name == h.SHA256
    )
    added = (
        (h.SEAL, _VERSION_TEXT),
        (h.SEAL_KEY, key.id.hex().encode()),
        (h.SEALED_HEADERS, base64.b64encode(sealed_headers)),
    )
    return Record(record.key, value, in_clear + added, record.timestamp_ms)


def open_record(record: Record, find: FindKey) -> Record | Rejection:
    """Open a sealed record; one in clear is returned as it is.

    Args:
        record: Any record.
        find: Returns the data key of an id, or why there is none.

    Returns:
        The record as it was before it was sealed; or a `Rejection` of the stage ``open``: that of a missing key, or
        ``SealedDamaged``.
    """
    if not is_sealed(record):
        return record
    headers, added = _split(record.headers)
    key_id = _key_id(added)
    if isinstance(key_id, Rejection):
        return key_id
    key = find(key_id)
    if isinstance(key, Missing):
        return missing_rejection(key, h.SEAL_KEY)
    cipher, data = AESGCM(key.secret), _additional_data(headers, key.id)
    try:
        sealed_headers = base64.b64decode(added.get(h.SEALED_HEADERS) or b"", validate=True)
        hidden = json.loads(_decrypted(cipher, sealed_headers, data + b"headers" + _tag(record.value)))
        value = _decrypted(cipher, record.value, data + b"value") if record.value else record.value
    except (InvalidTag, ValueError, binascii.Error):
        return _damaged("value", "the sealed value or one of its headers is not what was sealed")
    return Record(record.key, value, _restored(headers, hidden), record.timestamp_ms)


def _split(headers: Headers) -> tuple[Headers, dict[str, bytes | None]]:
    """The headers without those of the outermost seal, and these by their names."""
    last = {name: at for at, (name, _) in enumerate(headers) if name in _ADDED}
    kept = tuple(one for at, one in enumerate(headers) if at not in last.values())
    return kept, {name: headers[at][1] for name, at in last.items()}


def _key_id(added: dict[str, bytes | None]) -> bytes | Rejection:
    if added.get(h.SEAL) != _VERSION_TEXT:
        return _damaged(h.SEAL, f"must be {VERSION}, the version of sealed records that this release knows")
    try:
        key_id = bytes.fromhex((added.get(h.SEAL_KEY) or b"").decode())
    except ValueError:
        key_id = b""
    return key_id if len(key_id) == KEY_ID_BYTES else _damaged(h.SEAL_KEY, "must be the key's id in 32 hex digits")


def _restored(headers: Headers, hidden: list[tuple[int, str, str | None]]) -> Headers:
    restored = [one for one in headers if one[0] not in SEALED]
    for at, name, text in hidden:
        restored.insert(at, (name, None if text is None else text.encode(errors=_TEXT)))
    return tuple(restored)


def _additional_data(headers: Headers, key_id: bytes) -> bytes:
    source = event_id = media_type = b""
    for name, value in headers:
        if name == h.SOURCE:
            source = value or b""
        elif name == h.ID:
            event_id = value or b""
        elif len(name) == _CONTENT_TYPE_LENGTH and name.lower() == h.CONTENT_TYPE:
            media_type = value or b""
    lengths = len(source).to_bytes(4), len(event_id).to_bytes(4), len(media_type).to_bytes(4)
    return b"".join((_VERSION_BYTE, key_id, lengths[0], source, lengths[1], event_id, lengths[2], media_type))


def _encrypted(cipher: AESGCM, content: bytes, data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, data)


def _decrypted(cipher: AESGCM, sealed: bytes, data: bytes) -> bytes:
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], data)


def _tag(sealed_value: bytes | None) -> bytes:
    return (sealed_value or b"")[-_TAG_BYTES:]


def _damaged(field: str, reason: str) -> Rejection:
    return Rejection("open", "SealedDamaged", field, reason)
