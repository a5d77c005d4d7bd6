"""Lists the objects of a store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import obstore
from obstore.store import LocalStore

from streams.stores.connecting import Client
from streams.stores.errors import StoreUnavailableError
from streams.stores.failures import ObjectFault
from streams.stores.pool import Pool
from streams.stores.reference import ObjectReference, StoredObject

if TYPE_CHECKING:  # it exists only for type checkers
    from obstore import ObjectMeta

_PAGE = 1000  # objects: what S3 gives at most in one answer


def listed(pool: Pool, prefix: str) -> Iterator[StoredObject]:
    """Yield the objects below a prefix, page by page; each page comes from whatever endpoint works.

    Args:
        pool: The connections to the store.
        prefix: Whole parts of keys, such as ``a/b``; empty for all objects.

    Raises:
        StoreUnavailableError: As `Pool.run`.
    """
    after: str | None = None
    while True:
        page = pool.run("list", partial(_page, prefix=prefix, after=after))
        if isinstance(page, ObjectFault):
            raise StoreUnavailableError(f"{pool.store} gives an answer that is not understood")
        for found in page.objects:
            yield StoredObject(ObjectReference(pool.store, found["path"]), found["size"], found["last_modified"])
        if page.last is None:
            return
        after = page.last


@dataclass(frozen=True, slots=True)
class _Page:
    objects: "Sequence[ObjectMeta]"
    last: str | None  # the key after which the next page begins


def _page(client: Client, prefix: str, after: str | None) -> _Page:
    if isinstance(client, LocalStore):  # a directory has no order that another page could go on in
        return _Page(obstore.list(client, prefix).collect(), None)
    objects = next(iter(obstore.list(client, prefix, offset=after, chunk_size=_PAGE)), [])
    return _Page(objects, objects[-1]["path"] if len(objects) == _PAGE else None)
