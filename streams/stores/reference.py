"""References to objects: URIs such as ``s3://bucket/key`` and ``file:///directory/key``."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit

from schemas import Rejection
from schemas.headers import DATA_REF
from schemas.text import CONTROL, shown

S3, FILE = "s3://", "file://"
_LONGEST_KEY = 1024  # bytes of UTF-8, as in S3
_ACCOUNT = re.compile(r"//[^/]*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """The place of one object in a configured store.

    Attributes:
        store: The store's URI: ``s3://bucket`` or ``file:///directory``.
        key: The object's name in the store, such as ``sha256/ab/abcd...``.
    """

    store: str
    key: str

    @property
    def bucket(self) -> str:
        """The bucket's name; of a local store, its directory."""
        return unquote(self.store.partition("://")[2])

    @property
    def text(self) -> str:
        """The reference as a URI."""
        return f"{self.store}/{quote(self.key)}"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object in a listing.

    Attributes:
        reference: Its place.
        size: Bytes.
        modified: When it was last written, in UTC.
    """

    reference: ObjectReference
    size: int
    modified: datetime


def content_key(sha256: str) -> str:
    """The key of content that is stored under its own digest: ``sha256/ab/abcd...``.

    Args:
        sha256: The content's SHA-256, in hex.
    """
    return f"sha256/{sha256[:2]}/{sha256}"


def parse_reference(text: str, stores: tuple[str, ...]) -> ObjectReference | Rejection:
    """Read a reference from outside.

    Args:
        text: The URI.
        stores: The URIs of the configured stores; objects are only in these.

    Returns:
        The reference, or a `Rejection` with the code ``ForbiddenReference``.
    """
    if not text.startswith((S3, FILE)):
        return _forbidden(f"must begin with {S3} or {FILE}, got {_shown(text)}")
    try:
        parts = urlsplit(text)
    except ValueError:
        return _forbidden(f"is no URI: {_shown(text)}")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        return _forbidden(f"must have no query and no fragment, got {_shown(text)}")
    for store in stores:
        if text.startswith(f"{store}/"):
            key = unquote(text.removeprefix(f"{store}/"))
            problem = key_problem(key)
            return ObjectReference(store, key) if problem is None else _forbidden(f"{problem}, got {_shown(text)}")
    return _forbidden(f"is in none of the configured stores: {_shown(text)}")


def key_problem(key: str) -> str | None:
    """What is wrong with an object's name, as a part of a sentence; None if nothing is."""
    if len(key.encode()) > _LONGEST_KEY:
        return f"must have at most {_LONGEST_KEY} bytes after the store's name"
    if CONTROL.search(key) or "\\" in key or "�" in key:
        return "must have neither control characters nor backslashes, and be UTF-8"
    if any(part in {"", ".", ".."} for part in key.split("/")):
        return "must name an object, without empty parts and without . and .."
    return None


def _shown(text: str) -> str:
    """A quotation for messages, which go into logs: without an account, and without a query, which may be signed."""
    return shown(_QUERY.sub(lambda found: f"{found[0][0]}...", _ACCOUNT.sub("//...@", text)))


def _forbidden(reason: str) -> Rejection:
    return Rejection("fetch", "ForbiddenReference", DATA_REF, reason)
