"""The key store of the commands, by the setting in the environment."""

import os
from collections.abc import Callable, Mapping
from functools import partial

from scripts.cli import CommandError
from streams.runtime.sealing_settings import KeyStoreSettings, open_key_store
from streams.runtime.setting_declaration import read
from streams.security.sealing.key_store import KeyStore, KeyStoreError


def key_store_settings(environ: Mapping[str, str]) -> KeyStoreSettings:
    """The settings of the key store.

    Args:
        environ: Has them.

    Raises:
        SettingsError: If one cannot be used.
    """
    return read(KeyStoreSettings, environ)


def key_store_opener(environ: Mapping[str, str]) -> Callable[[], KeyStore]:
    """What opens the key store; raises KeyStoreError then.

    Args:
        environ: Has the settings.

    Raises:
        SettingsError: If a setting cannot be used.
    """
    return partial(open_key_store, key_store_settings(environ))


def installed_key_store() -> KeyStore:
    """Open the key store.

    Raises:
        SettingsError: If a setting cannot be used.
        CommandError: If there is no key store, or it cannot be used.
    """
    try:
        return open_key_store(key_store_settings(os.environ))
    except KeyStoreError as error:
        raise CommandError(f"{error}; ./scripts/keys init makes one, and AUDIO_KEY_STORE says where it is") from error
