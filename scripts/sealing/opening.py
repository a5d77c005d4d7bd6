"""The key store of the commands, by the setting in the environment."""

import os
from collections.abc import Mapping

from scripts.cli import CommandError
from streams.runtime.sealing_settings import KeyStoreSettings, open_key_store
from streams.runtime.setting_declaration import read
from streams.runtime.setting_kinds import home_directory, in_home
from streams.security.sealing.key_store import KeyStore, KeyStoreError


def key_store_address(environ: Mapping[str, str]) -> str:
    """The address of the key store.

    Args:
        environ: Has the setting.

    Raises:
        SettingsError: If the setting cannot be used.
    """
    return in_home(read(KeyStoreSettings, environ).key_store, home_directory())


def installed_key_store() -> KeyStore:
    """Open the key store.

    Raises:
        SettingsError: If the setting cannot be used.
        CommandError: If there is no key store, or it cannot be used.
    """
    try:
        return open_key_store(key_store_address(os.environ))
    except KeyStoreError as error:
        raise CommandError(f"{error}; ./scripts/keys init makes one, and AUDIO_KEY_STORE says where it is") from error
