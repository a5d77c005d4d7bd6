"""Opens what is sealed by docs/SECURITY.md alone: nothing here is of the product, so that it checks the product.

The records of ``audio.keys`` and the file with the keys of the epochs are laid out as the product's docstrings say.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.chaos.records import Headers, ObservedRecord

SEAL, SEAL_KEY, SEALED_HEADERS = "ce_seal", "ce_sealkey", "ce_sealedheaders"
OBJECT_MAGIC = b"sealed\x00\x01"

_CONTENT_TYPE = "content-type"
_NONCE, _TAG, _KEY_ID = 12, 16, 16
_UNIT = 64  # bytes of the header and of each slot of the key store
_SLOT, _LIVING, _INDEX = struct.Struct(">BI32s"), 1, 0
_WRAPPED = struct.Struct(">BB16sIQQ16s16s")
_ERASED = 2
_OBJECT_HEADER, _FRAME = 40, 2**20 + _NONCE + _TAG


class UnopenedError(Exception):
    """Something that is sealed cannot be opened; says why."""


class Opener:
    """Opens records with the key store of the installation.

    Args:
        key_store: The file with the keys of the epochs.

    Attributes:
        partitions: The partition of the record of each data key, by its id.
    """

    def __init__(self, key_store: Path) -> None:
        self._key_store = key_store
        self._values: dict[bytes, bytes | None] = {}
        self.partitions: dict[bytes, int] = {}

    def learn(self, records: Iterable[ObservedRecord]) -> None:
        """Take further records of ``audio.keys``, in order."""
        for one in records:
            if one.key is not None:
                self._values[one.key] = one.value
                self.partitions[one.key] = one.partition

    def opened(self, one: ObservedRecord) -> ObservedRecord:
        """A sealed record as it would be in clear.

        Raises:
            UnopenedError: If it cannot be opened.
        """
        key_id = key_id_of(one)
        cipher = AESGCM(self._secret(key_id))
        last = {_CONTENT_TYPE if name.lower() == _CONTENT_TYPE else name: text or b"" for name, text in one.headers}
        parts = [last.get(name, b"") for name in ("ce_source", "ce_id", _CONTENT_TYPE)]
        data = b"\x01" + key_id + b"".join(len(part).to_bytes(4) + part for part in parts)
        try:
            value = one.value and _decrypted(cipher, one.value, data + b"value")
            sealed = base64.b64decode(last.get(SEALED_HEADERS, b""))
            tag = (one.value or b"")[-_TAG:]
            hidden = json.loads(_decrypted(cipher, sealed, data + b"headers" + tag))
        except (InvalidTag, ValueError) as error:
            raise UnopenedError(f"it is damaged: {error!r}") from error
        return replace(one, value=value, headers=_restored(one.headers, hidden))

    def opened_object(self, sealed: bytes) -> bytes:
        """The content of a sealed object.

        Raises:
            UnopenedError: If it cannot be opened.
        """
        header, frames = sealed[:_OBJECT_HEADER], sealed[_OBJECT_HEADER:]
        if not header.startswith(OBJECT_MAGIC):
            raise UnopenedError("it is no sealed object")
        cipher = AESGCM(self._secret(header[len(OBJECT_MAGIC) :][:_KEY_ID]))
        places = range(0, len(frames), _FRAME)
        try:
            return b"".join(
                _decrypted(cipher, frames[at : at + _FRAME], header + n.to_bytes(8) + bytes([at == places[-1]]))
                for n, at in enumerate(places)
            )
        except (InvalidTag, ValueError) as error:
            raise UnopenedError(f"the object is damaged: {error!r}") from error

    def _secret(self, key_id: bytes) -> bytes:
        """A data key, by its id."""
        value = self._values.get(key_id)
        if value is None:
            raise UnopenedError(f"audio.keys has no key {key_id.hex()}")
        if value[1] == _ERASED:
            raise UnopenedError(f"the key {key_id.hex()} is erased")
        header, rest = value[: _WRAPPED.size], value[_WRAPPED.size :]
        epoch = _WRAPPED.unpack(header)[3]
        epochs = keys_of_epochs(self._key_store)
        if epoch not in epochs:
            raise UnopenedError(f"the key store has no epoch {epoch}")
        try:
            return _decrypted(AESGCM(epochs[epoch]), rest, header + key_id)[:32]
        except InvalidTag as error:
            raise UnopenedError(f"the key {key_id.hex()} is not under epoch {epoch} of this key store") from error


def keys_of_epochs(key_store: Path) -> Mapping[int, bytes]:
    """The keys of the epochs in a key store, by their numbers."""
    content = key_store.read_bytes()
    slots = [_SLOT.unpack_from(content, at) for at in range(_UNIT, len(content), _UNIT)]
    return {epoch: key for state, epoch, key in slots if state == _LIVING and epoch != _INDEX}


def is_sealed(one: ObservedRecord) -> bool:
    """Whether a record says that it is sealed."""
    return one.header(SEAL) is not None


def key_id_of(one: ObservedRecord) -> bytes:
    """The id of the data key that a sealed record names; empty if it names none."""
    try:
        return bytes.fromhex(one.header(SEAL_KEY) or "")
    except ValueError:
        return b""


def in_clear(one: ObservedRecord) -> str | None:
    """What of a record is in clear that must not be, or None."""
    if not is_sealed(one):
        return "it is not sealed"
    shown = [name for name, _ in one.headers if name in {"ce_pcmsha256", "ce_guestref"}]
    if shown:
        return f"{', '.join(shown)} is in clear"
    digest = one.header("ce_sha256")
    if digest is not None and one.value and digest != hashlib.sha256(one.value).hexdigest():
        return "ce_sha256 is not the digest of the sealed value"
    return None


def _restored(headers: Headers, hidden: Iterable[tuple[int, str, str | None]]) -> Headers:
    restored = [one for one in headers if one[0] not in {SEAL, SEAL_KEY, SEALED_HEADERS, "ce_sha256"}]
    for place, name, text in hidden:
        restored.insert(place, (name, None if text is None else text.encode(errors="surrogateescape")))
    return tuple(restored)


def _decrypted(cipher: AESGCM, sealed: bytes, data: bytes) -> bytes:
    return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], data)
