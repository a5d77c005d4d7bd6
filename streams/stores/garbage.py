"""Finds stored content that nothing names any more: what attempts leave behind that were aborted. Pure.

Content lies under its digest, and is stored before the record that names it is committed. So content without a record
belongs either to a record that is about to be committed, or to none. These are told apart by time: storing it again
makes its time new, and what was stored long ago, far longer than a record waits for its commit, belongs to none.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import unquote

from schemas import Record
from schemas.headers import CONTENT_TYPE, DATA_REF
from streams.stores.reference import ObjectReference, StoredObject

#: What the keys of all such content begin with.
ROOT = "sha256"

_KEY = re.compile(r"sha256/[0-9a-f]{2}/([0-9a-f]{64})")
_STRUCTURED = b"application/cloudevents"
#: Of the times of objects: a listing may have fractions of a second where an object's own answer has none.
_RESOLUTION = timedelta(seconds=1)


def digest_of(key: str) -> bytes | None:
    """The digest in the key of content; None for the key of another object."""
    found = _KEY.fullmatch(key)
    return None if found is None else bytes.fromhex(found[1])


def digests_in(text: str) -> set[bytes]:
    """The digests of all content that a text names, in whatever store: rather too many than too few."""
    return {bytes.fromhex(found) for found in _KEY.findall(unquote(text))}


def digests_named_by(record: Record) -> set[bytes]:
    """The digests of the content that an input, a result or a dead letter names, whether or not it is valid."""
    named = set()
    structured = False
    for name, value in record.headers:
        lower = name.lower()
        if lower == DATA_REF and value is not None:
            named |= digests_in(value.decode(errors="replace"))
        elif lower == CONTENT_TYPE and value is not None:
            structured = structured or value.lower().startswith(_STRUCTURED)
    if structured and record.value is not None:
        named |= digests_in(_json_text(record.value))
    return named


def unnamed(objects: Iterable[StoredObject], named: Collection[bytes], before: datetime) -> Iterator[StoredObject]:
    """The content that nothing names and that was stored before a time.

    Args:
        objects: What is stored.
        named: The digests that are named.
        before: Content that was stored since then may belong to a record that is about to be committed.
    """
    for one in objects:
        digest = digest_of(one.reference.key)
        if digest is not None and digest not in named and one.modified < before:
            yield one


def _json_text(value: bytes) -> str:
    """A JSON text as a reader sees it, without escapes where it can be read; some writers escape every slash."""
    text = value.decode(errors="replace")
    try:
        return json.dumps(json.loads(text))
    except (ValueError, RecursionError):
        return text.replace("\\/", "/")


class ContentStore(Protocol):
    """The part of `Stores` that the garbage collection uses."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See `Stores`."""

    def modified(self, reference: ObjectReference) -> datetime | None:
        """See `Stores`."""

    def delete(self, reference: ObjectReference) -> None:
        """See `Stores`."""


def remove(stores: ContentStore, found: StoredObject) -> bool:
    """Remove content that nothing names, unless it was stored again since it was listed; returns whether it did.

    Raises:
        StoreUnavailableError: If the store fails.
    """
    now = stores.modified(found.reference)
    if now is None or now - found.modified >= _RESOLUTION:
        return False
    stores.delete(found.reference)
    return True
