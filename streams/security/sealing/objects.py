"""Sealed objects: content of any size, sealed in frames so that both sides need little memory. Pure.

An object begins with a header of 40 bytes: `MAGIC`, the id of its data key (16) and a random id of the object (16).
Then come frames of 1 MiB of content each, the last one with what is left, which may be nothing. A frame is
``nonce (12) | ciphertext | tag (16)`` by AES-256-GCM under the data key; its additional data is the object's header,
the frame's number from 0 (8 bytes, big-endian), and 1 for the last frame or 0 for another one (1 byte). So frames that
are missing, exchanged, or from another object of the same key are told from the object's own.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas import Rejection
from schemas.headers import DATA_REF
from streams.security.sealing.data_key import KEY_ID_BYTES, DataKey
from streams.security.sealing.missing import FindKey, Missing, missing_rejection

#: How every sealed object begins: a name, and the version of its format.
MAGIC = b"sealed\x00\x01"
#: Bytes of content in a frame.
FRAME_BYTES = 2**20

#: Yields the bytes of an object from one to before another.
ReadRange = Callable[[int, int], Iterable[bytes]]

_OBJECT_ID_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = len(MAGIC) + KEY_ID_BYTES + _OBJECT_ID_BYTES
_SEALED_FRAME_BYTES = _NONCE_BYTES + FRAME_BYTES + _TAG_BYTES


class SealedObjectError(Exception):
    """A sealed object cannot be opened. It is raised while the object is read, as that is when it is found out.

    Attributes:
        rejection: The reason: no key, or damage.
    """

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


def is_sealed_object(beginning: bytes) -> bool:
    """Whether an object is a sealed one, by its first bytes; as many as `MAGIC` has are enough."""
    return beginning.startswith(MAGIC)


def sealed_object_bytes(content_bytes: int) -> int:
    """Size in bytes of the sealed object of a content of this size."""
    frames = max(1, -(-content_bytes // FRAME_BYTES))
    return _HEADER_BYTES + frames * (_NONCE_BYTES + _TAG_BYTES) + content_bytes


def content_bytes(sealed_bytes: int) -> int | None:
    """Size in bytes of the content of a sealed object of this size; None if no sealed object has it."""
    rest = sealed_bytes - _HEADER_BYTES
    content = rest - max(1, -(-rest // _SEALED_FRAME_BYTES)) * (_NONCE_BYTES + _TAG_BYTES)
    return content if content >= 0 and sealed_object_bytes(content) == sealed_bytes else None


def seal_object(parts: Iterable[bytes], key: DataKey) -> Iterator[bytes]:
    """Seal content part by part, with a random object id and random nonces.

    Args:
        parts: The content, in parts of any sizes.
        key: The data key of its call.

    Returns:
        The sealed object, in parts: its header, then a frame at a time.
    """
    header = MAGIC + key.id + os.urandom(_OBJECT_ID_BYTES)
    yield header
    cipher = AESGCM(key.secret)
    for index, (content, last) in enumerate(_blocks(parts, FRAME_BYTES)):
        nonce = os.urandom(_NONCE_BYTES)
        yield nonce + cipher.encrypt(nonce, content, _frame_data(header, index, last))


def open_object(parts: Iterable[bytes], find: FindKey) -> Iterator[bytes]:
    """Open a sealed object part by part. What it yields is authentic; that nothing is missing is known at its end.

    Args:
        parts: The sealed object, in parts of any sizes.
        find: Returns the data key of an id, or why there is none.

    Returns:
        The content, a frame at a time.

    Raises:
        SealedObjectError: While iterating: if the key is not there, or the object is truncated or was changed.
    """
    header, rest = _split(parts, _HEADER_BYTES)
    cipher = _cipher(header, find)
    for index, (frame, last) in enumerate(_blocks(rest, _SEALED_FRAME_BYTES)):
        yield _opened(cipher, header, frame, index, last)


def open_range(read: ReadRange, sealed_bytes: int, find: FindKey, start: int, end: int) -> Iterator[bytes]:
    """Open the content from one byte to before another; no more is read than the header, and the frames that have it.

    Args:
        read: Reads the sealed object.
        sealed_bytes: Its size.
        find: Returns the data key of an id, or why there is none.
        start: The first byte of the content.
        end: Behind the last one; not beyond the content.

    Raises:
        SealedObjectError: While iterating, as `open_object`.
    """
    if start >= end:
        return
    header = b"".join(read(0, _HEADER_BYTES))
    cipher, size = _cipher(header, find), content_bytes(sealed_bytes)
    if size is None:
        raise SealedObjectError(_damaged("has a size that no sealed object has"))
    first, behind = start // FRAME_BYTES, -(-end // FRAME_BYTES)
    frames = max(1, -(-size // FRAME_BYTES))
    begins = _HEADER_BYTES + first * _SEALED_FRAME_BYTES
    sealed = read(begins, min(sealed_bytes, _HEADER_BYTES + behind * _SEALED_FRAME_BYTES))
    for index, (frame, _) in enumerate(_blocks(sealed, _SEALED_FRAME_BYTES), first):
        content = _opened(cipher, header, frame, index, index == frames - 1)
        yield content[max(start - index * FRAME_BYTES, 0) : end - index * FRAME_BYTES]


def _cipher(header: bytes, find: FindKey) -> AESGCM:
    if len(header) < _HEADER_BYTES or not is_sealed_object(header):
        raise SealedObjectError(_damaged("does not begin as a sealed object"))
    key = find(header[len(MAGIC) : len(MAGIC) + KEY_ID_BYTES])
    if isinstance(key, Missing):
        raise SealedObjectError(missing_rejection(key, DATA_REF))
    return AESGCM(key.secret)


def _opened(cipher: AESGCM, header: bytes, frame: bytes, index: int, last: bool) -> bytes:
    try:
        return cipher.decrypt(frame[:_NONCE_BYTES], frame[_NONCE_BYTES:], _frame_data(header, index, last))
    except (InvalidTag, ValueError):  # the second for less bytes than a nonce has
        raise SealedObjectError(_damaged(f"its part {index} is not what was sealed")) from None


def _frame_data(header: bytes, index: int, last: bool) -> bytes:
    """The additional authenticated data of a frame."""
    return header + index.to_bytes(8) + bytes([last])


def _blocks(parts: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Regroup bytes into blocks of a size, the last of which has what is left; and whether each is the last one."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) > size:  # a full block is kept until something follows: it may be the last one
            yield bytes(waiting[:size]), False
            del waiting[:size]
    yield bytes(waiting), True


def _split(parts: Iterable[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, or fewer if there are no more of them, and the parts that follow."""
    following = iter(parts)
    beginning = b""
    while len(beginning) < size and (part := next(following, None)) is not None:
        beginning += part
    return beginning[:size], itertools.chain((beginning[size:],), following)


def _damaged(reason: str) -> Rejection:
    return Rejection("open", "SealedDamaged", DATA_REF, f"the sealed object {reason}")
