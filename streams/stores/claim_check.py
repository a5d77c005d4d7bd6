"""The claim check: audio that is too large for a record lies in a store, and the record has a reference to it."""

import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from schemas import CompressedAudio, RawAudio, Rejection
from schemas.headers import DATA_REF
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import FindKey, no_keys
from streams.security.sealing.objects import (
    FRAME_BYTES,
    MAGIC,
    SealedObjectError,
    is_sealed_object,
    open_object,
    seal_object,
)
from streams.stores.reading import ObjectRefusedError
from streams.stores.reference import ObjectReference, content_key
from streams.stores.stores import Stores

#: Defaults of AUDIO_INLINE_LIMIT and AUDIO_MAX_SIZE, in bytes.
INLINE_LIMIT = 900_000
MAX_SIZE = 2 * 2**30


class StoredContent(NamedTuple):
    """Content that was stored.

    Attributes:
        data_ref: URI of the object.
        sha256: Its SHA-256, in hex.
        size: Its size in bytes.
    """

    data_ref: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """Exchanges audio for references to it, and references for the audio.

    Objects are stored under the SHA-256 of their content, so that storing them again changes nothing. The methods wait
    for the store: an event loop must not call them. Those that use the store raise `StoreUnavailableError` when it
    fails; what is wrong with a reference or its object is a `Rejection` of the stage ``fetch``, and of ``open`` where
    the object is sealed.

    A sealed object is stored under the digest of its sealed bytes, and that digest is checked before it is opened.

    Attributes:
        stores: The stores; objects are written to the first one.
        inline_limit: Bytes of audio that a record has at most.
        max_size: Bytes that an object may have at most.
        find: Finds the keys of sealed objects.
    """

    stores: Stores
    inline_limit: int = INLINE_LIMIT
    max_size: int = MAX_SIZE
    find: FindKey = no_keys

    def store_input(self, event: RawAudio, content: bytes | Path, key: DataKey | None = None) -> RawAudio:
        """Put audio into an input: as its value if that is small, else into the store, and a reference to it.

        Args:
            event: The input; its own audio and reference are replaced.
            content: The audio, or a file with it.
            key: Seals an object that is stored; the record is sealed by whoever sends it. None for one in clear.

        Raises:
            OSError: If the file cannot be read.
            StoreUnavailableError: If the store fails.
        """
        if self.fits(content):
            return replace(event, audio=_content_of(content), data_ref=None, data_sha256=None)
        stored = self.store(content) if key is None else self.store_sealed(content, key)
        return replace(event, audio=b"", data_ref=stored.data_ref, data_sha256=stored.sha256)

    def store_result(
        self, result: CompressedAudio, content: bytes | Path, sha256: str | None = None, key: DataKey | None = None
    ) -> CompressedAudio:
        """Put a file into a result; as `store_input`.

        Args:
            result: The result; its own file and reference are replaced.
            content: The file's bytes, or its path.
            sha256: Its digest, if that is known.
            key: As `store_input`. A file is sealed into another one beside it.
        """
        if self.fits(content):
            return replace(result, audio=_content_of(content), data_ref=None, data_sha256=None, data_bytes=None)
        if key is None:
            data_ref, sha256, size = self.store(content, sha256)
        else:
            beside = content.parent if isinstance(content, Path) else None
            data_ref, sha256, size = self.store_sealed(content, key, beside)
        return replace(result, audio=b"", data_ref=data_ref, data_sha256=sha256, data_bytes=size)

    def fetch_input(self, event: RawAudio, path: Path) -> int | Rejection:
        """Write the audio of an input into a file, whether it is the value or in a store.

        Args:
            event: The input.
            path: The file; it is replaced. After a rejection or an error it has no meaning.

        Returns:
            The size in bytes.

        Raises:
            OSError: If the file cannot be written.
            StoreUnavailableError: If the store fails.
        """
        if event.data_ref is None:
            return path.write_bytes(event.audio)
        return self._download(event.data_ref, event.data_sha256, path)

    def fetch_result(self, result: CompressedAudio, path: Path) -> int | Rejection:
        """Write the file of a result into a file; as `fetch_input`."""
        if result.data_ref is None:
            return path.write_bytes(result.audio)
        return self._download(result.data_ref, result.data_sha256, path)

    def read_result(self, result: CompressedAudio) -> bytes | Rejection:
        """Read the file of a result into memory.

        Raises:
            StoreUnavailableError: If the store fails.
        """
        if result.data_ref is None:
            return result.audio
        reference = self.stores.reference(result.data_ref)
        if isinstance(reference, Rejection):
            return reference
        limit = min(self.max_size, result.compressed_bytes)
        content = self.stores.read(reference, limit=limit, sha256=result.data_sha256)
        if isinstance(content, Rejection) or not is_sealed_object(content):
            return content
        try:
            return b"".join(open_object([content], self.find))
        except SealedObjectError as error:
            return error.rejection

    def stream(self, data_ref: str, sha256: str | None) -> Iterator[bytes] | Rejection:
        """Read an object part by part.

        Args:
            data_ref: Its URI.
            sha256: The digest that it must have, in hex; None for any. A wrong one is told after the last part.

        Returns:
            The parts; iterating raises `ObjectRefusedError` where the object is missing or has changed, or its key is
            not there, and `StoreUnavailableError` if the store fails.
        """
        reference = self.stores.reference(data_ref)
        if isinstance(reference, Rejection):
            return reference
        return self._opened(self.stores.stream(reference, sha256=sha256))

    def fits(self, content: bytes | Path) -> bool:
        """Whether audio is small enough to be the value of a record."""
        return size_of(content) <= self.inline_limit

    def store(self, content: bytes | Path, sha256: str | None = None) -> StoredContent:
        """Store content under its digest, which is computed if it is not given.

        Raises:
            OSError: If the file cannot be read.
            StoreUnavailableError: If the store fails.
        """
        sha256 = sha256 or _sha256_of(content)
        reference = self.stores.put(content_key(sha256), content)
        return StoredContent(reference.text, sha256, size_of(content))

    def store_sealed(self, content: bytes | Path, key: DataKey, scratch: Path | None = None) -> StoredContent:
        """Seal content, and store the sealed object under its own digest.

        Args:
            content: The content, or a file with it.
            key: The data key of its call.
            scratch: Directory for the sealed file meanwhile; None means the system's for temporary files.

        Raises:
            OSError: If the file cannot be read, or the sealed one not be written.
            StoreUnavailableError: If the store fails.
        """
        if not isinstance(content, Path):
            return self.store(b"".join(seal_object([content], key)))
        with tempfile.NamedTemporaryFile(prefix=".sealed-", dir=scratch) as sealed, content.open("rb") as file:
            for part in seal_object(iter(partial(file.read, FRAME_BYTES), b""), key):
                sealed.write(part)
            sealed.flush()
            return self.store(Path(sealed.name))

    def _download(self, data_ref: str, sha256: str | None, path: Path) -> int | Rejection:
        reference = self.stores.reference(data_ref)
        if isinstance(reference, Rejection):
            return reference
        size = self.stores.download(reference, path, limit=self.max_size, sha256=sha256)
        if isinstance(size, int):
            size = self._open_file(path, size)
        return _empty(reference) if size == 0 else size

    def _open_file(self, path: Path, size: int) -> int | Rejection:
        """Open a file that is a sealed object, and leave another one as it is; returns the size in bytes."""
        opened = path.with_name(f".{path.name}.opened")
        with path.open("rb") as file:
            if not is_sealed_object(file.read(len(MAGIC))):
                return size
            file.seek(0)
            try:
                with opened.open("wb") as target:
                    size = sum(map(target.write, open_object(iter(partial(file.read, FRAME_BYTES), b""), self.find)))
                opened.replace(path)
            except SealedObjectError as error:
                return error.rejection
            finally:
                opened.unlink(missing_ok=True)
        return size

    def _opened(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """The parts of an object, opened if it is a sealed one."""
        first = next(parts, b"")
        whole = itertools.chain((first,), parts)
        if not is_sealed_object(first):
            yield from whole
            return
        try:
            yield from open_object(whole, self.find)
        except SealedObjectError as error:
            raise ObjectRefusedError(error.rejection) from None


def size_of(content: bytes | Path) -> int:
    """The size of content in bytes.

    Raises:
        OSError: If it is a file that cannot be found.
    """
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _content_of(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def _sha256_of(content: bytes | Path) -> str:
    if not isinstance(content, Path):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _empty(reference: ObjectReference) -> Rejection:
    return Rejection("fetch", "EmptyObject", DATA_REF, f"{reference.text}: is empty, and has to be audio")
