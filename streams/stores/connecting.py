"""obstore's clients for the endpoints of stores, with their time limits and without retries of their own."""

from datetime import timedelta
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


def open_directory(location: DirectoryLocation) -> LocalStore:
    """Make a client for a directory; create the directory, for its owner alone, if there is none.

    Raises:
        StoreFaultError: If it cannot be created.
    """
    try:
        location.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFaultError(StoreFault(f"cannot be created: {error.strerror}")) from None
    return LocalStore(location.directory)
