"""One endpoint of a store: its client, made again when the account's keys change, and its check."""

import threading

import obstore

from streams.stores.configuration import BucketLocation, DirectoryLocation, Location, StoresConfiguration
from streams.stores.connecting import Client, Directory, connect_bucket
from streams.stores.credentials import Credentials
from streams.stores.errors import StoreUnavailableError
from streams.stores.failures import MISSING, OBSTORE_ERRORS, StoreFault, StoreFaultError, fault_of

#: No object is ever below it: the store has nothing to list, and only answers.
_CHECKED_PREFIX = "health-check"
_CHECKED_KEY = f"{_CHECKED_PREFIX}/none"


class Endpoint:
    """One address of a store.

    Args:
        location: The store.
        url: The endpoint's URL; None for a directory, and for Amazon's own endpoint.
        credentials: The account.
        connections: Connections that may stay open without being used.
    """

    def __init__(self, location: Location, url: str | None, credentials: Credentials, connections: int) -> None:
        self._place = Directory(location) if isinstance(location, DirectoryLocation) else location
        self._url = url
        self._credentials = credentials
        self._connections = connections
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._keys: tuple[str, str] | None = None
        self.address = location.uri if url is None else url
        self.refused = False  # whether the last request was, for its account

    @property
    def refuses_account(self) -> bool:
        """Whether the last request was refused for its account, whose keys have not changed since."""
        return self.refused and self._credentials.current() == self._keys

    def client(self) -> Client:
        """The client; of a bucket, with the keys that are valid now.

        Raises:
            StoreFaultError: As `Directory.client`.
            StoreUnavailableError: If a file with the account's keys cannot be read.
        """
        if isinstance(self._place, Directory):
            return self._place.client()
        keys = self._credentials.current()
        with self._lock:
            if self._client is None or keys != self._keys:
                self._client = connect_bucket(self._place, self._url, keys, connections=self._connections)
                self._keys = keys
            return self._client

    def problem(self) -> StoreFault | None:
        """Check the endpoint; return what does not work, or None."""
        try:
            if isinstance(self._place, Directory):
                return self._place.problem()
            next(iter(obstore.list(self.client(), _CHECKED_PREFIX, chunk_size=1)), None)
        except StoreUnavailableError as error:
            return StoreFault(str(error))
        except (*OBSTORE_ERRORS, StoreFaultError) as error:
            fault = fault_of(error)
            return fault if isinstance(fault, StoreFault) else StoreFault("gives an answer that is not understood")
        return None

    def gives_others(self, client: Client) -> bool:
        """Whether the account may read objects, so that what was refused is one object alone.

        S3 says of an object that there is none only to accounts that may read it and list the bucket.

        Args:
            client: The client that was refused, whose keys may be others than those that are valid now.
        """
        if isinstance(self._place, Directory):
            return self._place.gives_others()
        try:
            obstore.head(client, _CHECKED_KEY)
        except OBSTORE_ERRORS as error:
            return fault_of(error) == MISSING
        return True


def endpoints_of(location: Location, configuration: StoresConfiguration) -> list[Endpoint]:
    """The endpoints of one store."""
    urls: tuple[str | None, ...] = (None,)
    if isinstance(location, BucketLocation) and location.endpoints:
        urls = location.endpoints
    return [Endpoint(location, url, configuration.credentials, configuration.pool_size) for url in urls]
