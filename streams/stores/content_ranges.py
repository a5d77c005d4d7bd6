"""Reads the content of objects in parts, whether they are sealed or not."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from schemas import Rejection
from streams.security.sealing.missing import FindKey
from streams.security.sealing.objects import MAGIC, SealedObjectError, content_bytes, is_sealed_object, open_range
from streams.stores.reading import ObjectRefusedError
from streams.stores.stores import Stores


class ObjectSizes(NamedTuple):
    """How large an object is.

    Attributes:
        content: Bytes of its content.
        sealed: Bytes of the sealed object; None for one in clear.
    """

    content: int
    sealed: int | None


def measure(stores: Stores, data_ref: str) -> ObjectSizes | Rejection:
    """The sizes of an object.

    Raises:
        StoreUnavailableError: If the store fails.
    """
    reference = stores.reference(data_ref)
    if isinstance(reference, Rejection):
        return reference
    size = stores.size(reference)
    if isinstance(size, Rejection):
        return size
    try:
        begins = b"".join(stores.stream_range(reference, 0, min(size, len(MAGIC))))
    except ObjectRefusedError as error:
        return error.rejection
    content = content_bytes(size) if is_sealed_object(begins) else None
    return ObjectSizes(size, None) if content is None else ObjectSizes(content, size)


def read_range(
    stores: Stores, find: FindKey, data_ref: str, start: int, end: int, *, sealed: int | None
) -> Iterator[bytes]:
    """Read the content of an object from one byte to before another, part by part.

    Args:
        stores: Have it.
        find: Finds the keys of sealed objects.
        data_ref: Its URI.
        start: The first byte.
        end: Behind the last one.
        sealed: The size of the sealed object; None for one in clear.

    Raises:
        ObjectRefusedError: While iterating, if the object is missing or has changed, or its key is not there.
        StoreUnavailableError: If the store fails.
    """
    reference = stores.reference(data_ref)
    if isinstance(reference, Rejection):
        raise ObjectRefusedError(reference)
    read = partial(stores.stream_range, reference)
    if sealed is None:
        yield from read(start, end)
        return
    try:
        yield from open_range(read, sealed, find, start, end)
    except SealedObjectError as error:
        raise ObjectRefusedError(error.rejection) from None
