"""Which stores there are, and how they are reached: the text of AUDIO_STORES, parsed."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from streams.stores.credentials import Credentials, Secret
from streams.stores.reference import FILE, S3

DEFAULT_POOL_SIZE = 50
DEFAULT_HEALTH_CHECK_INTERVAL = 30.0
_REGION = "us-east-1"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_HOW = "write file:///directory, or s3://bucket?endpoint=http://host:port&region=us-east-1"


@dataclass(frozen=True, slots=True)
class BucketLocation:
    """A bucket of an S3-compatible store.

    Attributes:
        bucket: Its name.
        endpoints: URLs of the same store, ``http://host:port``; none for Amazon's own.
        region: The region for which requests are signed.
    """

    bucket: str
    endpoints: tuple[str, ...] = ()
    region: str = _REGION

    @property
    def uri(self) -> str:
        """What references to its objects begin with."""
        return f"{S3}{self.bucket}"


@dataclass(frozen=True, slots=True)
class DirectoryLocation:
    """A local directory as a store.

    Attributes:
        directory: Its absolute path; it is created when the first object is stored.
    """

    directory: Path

    @property
    def uri(self) -> str:
        """What references to its objects begin with."""
        return f"{FILE}{quote(str(self.directory))}"


Location = BucketLocation | DirectoryLocation


@dataclass(frozen=True, slots=True)
class StoresConfiguration:
    """The configured stores, and the limits of the connections to them.

    Attributes:
        locations: The stores; the first is the one for writing.
        credentials: The account for all buckets.
        pool_size: Connections to one endpoint, at most.
        health_check_interval: Seconds between two checks of an endpoint.
        checked: Whether stores are checked from the start. If not, only from the first operation on: then a process
            that needs no store runs without one.
    """

    locations: tuple[Location, ...]
    credentials: Credentials = field(default_factory=Credentials)
    pool_size: int = DEFAULT_POOL_SIZE
    health_check_interval: float = DEFAULT_HEALTH_CHECK_INTERVAL
    checked: bool = True

    @classmethod
    def parse(cls, text: str, *, access_key: Secret | None = None, secret_key: Secret | None = None) -> Self:
        """Make the configuration from the text of AUDIO_STORES and the account's keys.

        Raises:
            ValueError: As `parse_locations`, or if only one of the keys is given.
        """
        return cls(parse_locations(text), Credentials(access_key, secret_key))


def parse_locations(text: str) -> tuple[Location, ...]:
    """Parse the text of AUDIO_STORES: URIs of stores, separated by blanks.

    Raises:
        ValueError: With what is wrong and how it is written; the message is a part of a line.
    """
    locations = tuple(_location(part) for part in text.split())
    if not locations:
        raise ValueError(f"names no store; {_HOW}")
    uris = [location.uri for location in locations]
    for uri in uris:
        if uris.count(uri) > 1:
            raise ValueError(f"names {uri} twice; give all endpoints of a bucket in one URI")
    return locations


def _location(text: str) -> Location:
    if text.startswith(S3):
        return _bucket(text)
    if text.startswith(FILE):
        return _directory(text)
    raise ValueError(f"a store's URI must begin with {S3} or {FILE}; {_HOW}")


def _bucket(text: str) -> BucketLocation:
    parts = urlsplit(text)
    if _BUCKET.fullmatch(parts.netloc) is None:
        raise ValueError(
            "a bucket's name has 3 to 63 characters of a-z, 0-9, . and -; the account has its own settings"
        )
    if parts.path not in {"", "/"} or parts.fragment:
        raise ValueError(f"after the bucket {parts.netloc} only ?endpoint=...&region=... may follow; {_HOW}")
    endpoints, regions = [], []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "endpoint":
            endpoints.append(_endpoint(value))
        elif name == "region" and re.fullmatch(r"[A-Za-z0-9-]+", value):
            regions.append(value)
        else:
            raise ValueError(f"of the bucket {parts.netloc} only endpoint= and region= are known; {_HOW}")
    if len(regions) > 1 or len(set(endpoints)) < len(endpoints):
        raise ValueError(f"of the bucket {parts.netloc} a region or an endpoint is given twice")
    return BucketLocation(parts.netloc, tuple(endpoints), *regions)


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ValueError("an endpoint must not have an account; AUDIO_STORES_ACCESS_KEY is for it")
    try:
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        valid = False
    if not valid or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("an endpoint must be http://host:port or https://host:port")
    return f"{parts.scheme}://{parts.netloc}"


def _directory(text: str) -> DirectoryLocation:
    parts = urlsplit(text)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute() or ".." in path.parts:
        raise ValueError(f"a directory must be given as {FILE}/absolute/path")
    if len(path.parts) == 1:
        raise ValueError("the root directory cannot be a store")
    return DirectoryLocation(path)
