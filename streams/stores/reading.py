"""Reads an object part by part, each part at whatever endpoint works, in bounded memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from schemas import Rejection
from schemas.headers import DATA_REF
from streams.stores.connecting import PART, Client
from streams.stores.failures import ARCHIVED, EMPTY, FORBIDDEN, MISSING, ObjectFault, StoreFault, StoreFaultError
from streams.stores.pool import Pool
from streams.stores.reference import FILE, ObjectReference

if TYPE_CHECKING:  # it exists only for type checkers
    from obstore import GetOptions


class ObjectRefusedError(Exception):
    """An object is not as its reference says. Whoever named it has to change something.

    Attributes:
        rejection: The reason.
    """

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an object.

    Attributes:
        content: Its bytes.
        size: Bytes of the whole object.
        version: The object's entity tag.
    """

    content: bytes
    size: int
    version: str | None


class ObjectReader:
    """Reads one object.

    Args:
        pool: The connections to its store.
        reference: Its place.
        limit: Bytes that it may have at most.
    """

    def __init__(self, pool: Pool, reference: ObjectReference, limit: int | None) -> None:
        self._pool = pool
        self._reference = reference
        self._limit = limit

    def size(self) -> int:
        """The object's size in bytes.

        Raises:
            ObjectRefusedError: If there is no such object.
            StoreUnavailableError: As `Pool.run`.
        """
        return self._part(0, 1, None).size

    def parts(self, sha256: str | None) -> Iterator[bytes]:
        """Yield the object's bytes, at most `PART` at a time.

        Args:
            sha256: The digest that it must have, in hex; None for any. It is known after the last part only.

        Raises:
            ObjectRefusedError: If there is no such object, it is too large, it was replaced meanwhile, or has another
                digest.
            StoreUnavailableError: As `Pool.run`.
        """
        part = self._part(0, PART, None)
        if self._limit is not None and part.size > self._limit:
            raise self._refused("ObjectTooLarge", f"has {part.size} bytes, and may have at most {self._limit}")
        digest = hashlib.sha256()
        position = 0
        while True:
            digest.update(part.content)
            position += len(part.content)
            yield part.content
            if position >= part.size:
                break
            part = self._part(position, PART, part.version)
        if sha256 is not None and digest.hexdigest() != sha256.lower():
            raise DigestError(self._rejection("ObjectChanged", f"has the SHA-256 {digest.hexdigest()}, not {sha256}"))

    def range(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from one to before another, at most `PART` at a time.

        Raises:
            ObjectRefusedError: If there is no such object, it is shorter, or it was replaced meanwhile.
            StoreUnavailableError: As `Pool.run`.
        """
        version = None
        while start < end:
            part = self._part(start, min(PART, end - start), version)
            if not part.content:
                raise self._refused("ObjectChanged", f"has {part.size} bytes, and is read from byte {start} on")
            version = part.version
            start += len(part.content)
            yield part.content

    def _part(self, start: int, length: int, version: str | None) -> Part:
        key = self._reference.key

        def read(client: Client) -> Part | ObjectFault:
            if self._reference.store.startswith(FILE) and not _is_plain_file(Path(self._reference.bucket), key):
                return MISSING
            return _get(client, key, start, length, version)

        result = self._pool.run("get", read)
        if result == EMPTY and start == 0:
            return Part(b"", 0, None)
        if result == MISSING and start == 0:
            raise self._refused("ObjectMissing", "there is no such object")
        if result == ARCHIVED:
            raise self._refused("ObjectArchived", "is in a class of storage from which it has to be restored first")
        if result == FORBIDDEN:
            raise self._refused("ForbiddenObject", "the store refuses this object alone, and gives others")
        if isinstance(result, ObjectFault):
            raise self._refused("ObjectChanged", "was replaced or removed while it was read")
        return result

    def _refused(self, code: str, reason: str) -> ObjectRefusedError:
        return ObjectRefusedError(self._rejection(code, reason))

    def _rejection(self, code: str, reason: str) -> Rejection:
        return Rejection("fetch", code, DATA_REF, f"{self._reference.text}: {reason}")


class DigestError(ObjectRefusedError):
    """An object was read whole and has another digest than the one that its reference came with."""


def _get(client: Client, key: str, start: int, length: int, version: str | None) -> Part:
    options: GetOptions = {"range": (start, start + length)}
    if version is not None:
        options["if_match"] = version
    result = obstore.get(client, key, options=options)
    content = bytes(result.bytes())
    size = result.meta["size"]
    if len(content) != min(length, size - start):
        raise StoreFaultError(StoreFault("sends another number of bytes than it says"))
    return Part(content, size, result.meta["e_tag"])


def _is_plain_file(directory: Path, key: str) -> bool:
    """Whether a path leads to a regular file within the directory: no symbolic link out of it, no pipe."""
    try:
        path = (directory / key).resolve(strict=True)
        return path.is_relative_to(directory.resolve()) and path.is_file()
    except (OSError, RuntimeError):  # the second for symbolic links in a circle, before Python 3.13
        return False
