"""How our clients reach object stores, for audio that is too large for a record."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from streams.clients.errors import InvalidAddressError, StoresUnavailableError
from streams.stores import Stores, StoresConfiguration, StoreUnavailableError


def stores_of(stores: str | StoresConfiguration) -> Stores:
    """The stores that the user of a client names; they connect when they are used.

    Args:
        stores: As the setting AUDIO_STORES, with the account of Amazon's variables and files; or a configuration.

    Raises:
        InvalidAddressError: For a text of another form.
    """
    try:
        configuration = StoresConfiguration.parse(stores) if isinstance(stores, str) else stores
    except ValueError as error:
        raise InvalidAddressError(f"stores is {stores!r}: {error}") from None
    return Stores.of(replace(configuration, checked=False))


@contextmanager
def translated_store_errors() -> Iterator[None]:
    """Replace the error of a store that fails by ours.

    Raises:
        StoresUnavailableError: If a store fails.
    """
    try:
        yield
    except StoreUnavailableError as error:
        raise StoresUnavailableError(
            f"{error}: check the stores' addresses and account, and that the store is up and can be reached"
        ) from error
