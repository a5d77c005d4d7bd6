"""The object stores of the commands, by the settings in the environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from scripts.cli import CommandError
from streams.runtime.setting_declaration import read
from streams.runtime.settings import StoreSettings
from streams.stores import Stores, StoreUnavailableError
from streams.stores.claim_check import ClaimCheck


def store_settings() -> StoreSettings:
    """The settings of the stores.

    Raises:
        SettingsError: If one of them cannot be used.
    """
    return read(StoreSettings, os.environ)


@contextmanager
def object_stores() -> Iterator[ClaimCheck]:
    """The stores, which connect when they are used.

    Raises:
        CommandError: When a store fails.
    """
    settings = store_settings()
    stores = Stores.of(replace(settings.store_configuration, checked=False))
    try:
        yield settings.claim_check(stores)
    except StoreUnavailableError as error:
        raise CommandError(f"{error}; check AUDIO_STORES, and that the store is up and can be reached") from error
    finally:
        stores.close()
