"""obstore's clients for the endpoints of stores, with their time limits and without retries of their own."""

import itertools
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.store import LocalStore, S3Store

from streams.stores.configuration import BucketLocation, DirectoryLocation
from streams.stores.failures import StoreFault, StoreFaultError

if TYPE_CHECKING:  # these exist only for type checkers
    from obstore.store import S3Config, S3Credential

Client = S3Store | LocalStore

#: Bytes that one request carries at most; S3 wants parts of 5 MiB or more.
PART = 5 * 2**20
#: Seconds for one request with its answer, and for its connection.
REQUEST_TIMEOUT, CONNECT_TIMEOUT = 8.0, 2.0
_FILES_TRIED = 100


def connect_bucket(
    location: BucketLocation, endpoint: str | None, keys: tuple[str, str] | None, *, connections: int
) -> S3Store:
    """Make a client for one endpoint of a bucket; it connects with its first request.

    Args:
        location: The bucket.
        endpoint: The endpoint's URL; None for Amazon's own.
        keys: Access key and secret key; None for those of Amazon's variables, files and services.
        connections: Connections that may stay open without being used.
    """
    config: S3Config = {
        "bucket": location.bucket,
        "region": location.region,
        "disable_bulk_delete": True,  # not every S3 has it
        "virtual_hosted_style_request": False,
    }
    if endpoint is not None:  # both, as Amazon's variables may set either, and the second has precedence
        config |= {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint}
    return S3Store(
        config=config,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http:"),
            "timeout": timedelta(seconds=REQUEST_TIMEOUT),
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT),
            "pool_max_idle_per_host": str(connections),
        },
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=REQUEST_TIMEOUT)},
        credential_provider=None if keys is None else _Account(*keys),
    )


class _Account:
    """Gives obstore the account's keys; as a part of its configuration, other variables could add a token to them."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._keys: S3Credential = {
            "access_key_id": access_key,
            "secret_access_key": secret_key,
            "token": None,
            "expires_at": None,
        }

    def __call__(self) -> "S3Credential":
        return self._keys


class Directory:
    """A directory as a store, and whether it is still the one that it was.

    An unmounted disk leaves an empty directory or none: what it has is not there for a while, and not gone. So the
    directory is created at first, for its owner alone, and never again.
    """

    def __init__(self, location: DirectoryLocation) -> None:
        self._path = location.directory
        self._lock = threading.Lock()
        self._client: LocalStore | None = None
        self._identity: tuple[int, int] | None = None

    def client(self) -> LocalStore:
        """The client.

        Raises:
            StoreFaultError: If the directory cannot be created, is another one than before, or is not there any more.
        """
        with self._lock:
            try:
                if self._client is None:
                    self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
                    self._identity = self._found()
                    self._client = LocalStore(self._path)
                elif self._found() != self._identity:
                    raise StoreFaultError(StoreFault("is another directory than before; is its disk mounted?"))
            except OSError as error:
                what = "cannot be created" if self._client is None else "is not there any more"
                raise StoreFaultError(StoreFault(f"{what}: {error.strerror}")) from None
            return self._client

    def problem(self) -> StoreFault | None:
        """Why it cannot be used; None if it can."""
        self.client()
        usable = os.access(self._path, os.R_OK | os.W_OK | os.X_OK)
        return None if usable else StoreFault("may not be read and written")

    def gives_others(self) -> bool:
        """Whether any of its first files can be opened, so that one which cannot be is alone in that."""
        files = (Path(parent, name) for parent, _, names in os.walk(self._path) for name in names)
        return any(map(_can_be_opened, itertools.islice(files, _FILES_TRIED)))

    def _found(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_dev, status.st_ino


def _can_be_opened(file: Path) -> bool:
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True
