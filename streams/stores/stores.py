"""All configured stores: objects are written to the first, and read from any."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

import obstore

from schemas import Rejection
from streams.stores.configuration import StoresConfiguration
from streams.stores.connecting import PART, Client
from streams.stores.endpoint import endpoints_of
from streams.stores.errors import StoreUnavailableError
from streams.stores.failures import ObjectFault
from streams.stores.listing import listed
from streams.stores.observer import NoObserver, PoolObserver
from streams.stores.pool import Pool
from streams.stores.reading import DigestError, ObjectReader, ObjectRefusedError
from streams.stores.reference import FILE, ObjectReference, StoredObject, key_problem, parse_reference

T = TypeVar("T")


class Stores:
    """The configured stores. All methods may be called from any thread, and wait; an event loop must not call them.

    Args:
        pools: A pool for each store; the first is the one for writing.
    """

    def __init__(self, pools: list[Pool]) -> None:
        self.pools = pools
        self._by_store = {pool.store: pool for pool in pools}

    @classmethod
    def of(cls, configuration: StoresConfiguration, metrics: PoolObserver | None = None) -> Self:
        """Make the stores of a configuration; the checks begin now, or with the first operation.

        Args:
            configuration: The stores and limits.
            metrics: Receives what happens in the pools.
        """
        pools = [
            Pool(
                location.uri,
                endpoints_of(location, configuration),
                connections=configuration.pool_size,
                interval=configuration.health_check_interval,
                observer=metrics or NoObserver(),
            )
            for location in configuration.locations
        ]
        if configuration.checked:
            for pool in pools:
                pool.start()
        return cls(pools)

    @property
    def can_write(self) -> bool:
        """Whether an endpoint of the store for writing is healthy, as far as is known."""
        return self.pools[0].healthy > 0

    def reference(self, text: str) -> ObjectReference | Rejection:
        """Read a reference from outside; it may name objects of the configured stores only.

        Returns:
            The reference, or a `Rejection` with the code ``ForbiddenReference``.
        """
        return parse_reference(text, tuple(self._by_store))

    def put(self, key: str, content: bytes | Path) -> ObjectReference:
        """Write an object into the store for writing, also if it is there already: its time becomes new.

        Args:
            key: The object's name; `content_key` gives one.
            content: The bytes, or a file with them, which must not change meanwhile.

        Raises:
            StoreUnavailableError: As `Pool.run`.
            ValueError: If the key cannot be one.
        """
        if (problem := key_problem(key)) is not None:
            raise ValueError(f"the object's name {problem}")
        pool = self.pools[0]
        reference = ObjectReference(pool.store, key)
        size = content.stat().st_size if isinstance(content, Path) else len(content)

        def write(client: Client) -> None:
            # One part at a time: an operation uses one connection.
            obstore.put(client, key, content, chunk_size=PART, max_concurrency=1)
            if pool.store.startswith(FILE):
                _sync(Path(reference.bucket), key)

        result = pool.run("put", write, parts=1 + size // PART)
        if isinstance(result, ObjectFault):
            raise StoreUnavailableError(f"{pool.store} does not accept the object")
        return reference

    def read(self, reference: ObjectReference, *, limit: int, sha256: str | None = None) -> bytes | Rejection:
        """Read an object into memory.

        Args:
            reference: Its place.
            limit: Bytes that it may have at most.
            sha256: The digest that it must have, in hex; None for any.

        Returns:
            Its bytes, or a `Rejection` with the code ``ObjectMissing``, ``ObjectArchived``, ``ForbiddenObject``,
            ``ObjectTooLarge`` or ``ObjectChanged``.

        Raises:
            StoreUnavailableError: As `Pool.run`; or if two reads gave different bytes.
        """
        reader = self._reader(reference, limit)
        return _agreed(lambda: b"".join(reader.parts(sha256)))

    def download(
        self, reference: ObjectReference, path: Path, *, limit: int, sha256: str | None = None
    ) -> int | Rejection:
        """Read an object into a file, in bounded memory.

        Args:
            reference: Its place.
            path: The file; it is replaced. After a rejection or an error it has no meaning.
            limit: Bytes that the object may have at most.
            sha256: The digest that it must have, in hex; None for any.

        Returns:
            Its size in bytes, or a `Rejection` as `read`.

        Raises:
            OSError: If the file cannot be written.
            StoreUnavailableError: As `read`.
        """
        reader = self._reader(reference, limit)

        def write() -> int:
            with path.open("wb") as file:
                return sum(file.write(part) for part in reader.parts(sha256))

        return _agreed(write)

    def stream(self, reference: ObjectReference, *, sha256: str | None = None) -> Iterator[bytes]:
        """Read an object part by part, a few MiB at a time.

        Args:
            reference: Its place.
            sha256: The digest that it must have, in hex; None for any. A wrong one is told after the last part.

        Raises:
            ObjectRefusedError: While iterating, where `read` would return its `Rejection`.
            StoreUnavailableError: As `Pool.run`.
        """
        return self._reader(reference, None).parts(sha256)

    def stream_range(self, reference: ObjectReference, start: int, end: int) -> Iterator[bytes]:
        """Read the bytes of an object from one to before another, part by part; the object may have more.

        Raises:
            ObjectRefusedError: While iterating, if there is no such object, it is shorter, or was replaced meanwhile.
            StoreUnavailableError: As `Pool.run`.
        """
        return self._reader(reference, None).range(start, end)

    def size(self, reference: ObjectReference) -> int | Rejection:
        """The size of an object in bytes, or a `Rejection` with the code ``ObjectMissing``.

        Raises:
            StoreUnavailableError: As `Pool.run`.
        """
        return _agreed(self._reader(reference, None).size)

    def modified(self, reference: ObjectReference) -> datetime | None:
        """When an object was last written, in UTC; None if there is no such object.

        Raises:
            StoreUnavailableError: As `Pool.run`.
        """
        pool = self._by_store[reference.store]
        result = pool.run("get", lambda client: obstore.head(client, reference.key)["last_modified"])
        return None if isinstance(result, ObjectFault) else result

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects of the store for writing whose keys are below a prefix of whole parts, such as ``a/b``.

        Raises:
            StoreUnavailableError: As `Pool.run`.
        """
        return listed(self.pools[0], prefix)

    def delete(self, reference: ObjectReference) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            StoreUnavailableError: As `Pool.run`.
        """
        self._by_store[reference.store].run("delete", lambda client: obstore.delete(client, reference.key))

    def close(self) -> None:
        """Stop the checks; no operation may begin any more."""
        for pool in self.pools:
            pool.close()

    def _reader(self, reference: ObjectReference, limit: int | None) -> ObjectReader:
        return ObjectReader(self._by_store[reference.store], reference, limit)


def _agreed(read: Callable[[], T]) -> T | Rejection:
    """Read; after a wrong digest once more: an object has changed if it is the same twice, otherwise its store lies."""
    try:
        return read()
    except DigestError as first:
        try:
            return read()
        except ObjectRefusedError as second:
            if second.rejection != first.rejection:
                raise StoreUnavailableError(f"two reads differ: {second.rejection.reason}") from None
            return second.rejection
    except ObjectRefusedError as error:
        return error.rejection


def _sync(directory: Path, key: str) -> None:
    """Let a file and the directories that lead to it survive a loss of power."""
    path = directory / key
    for one in (path, *path.parents[: len(Path(key).parts)]):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
