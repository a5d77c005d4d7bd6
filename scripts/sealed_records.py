"""Sealed records in commands: the key store by the settings, and what could not be opened."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.topics import KEYS
from scripts.cli import Cluster, counted, say
from streams.clients.key_view import key_view_of
from streams.clients.opening import RecordOpener
from streams.runtime.sealing_settings import KeyStoreSettings
from streams.runtime.setting_declaration import read
from streams.runtime.setting_kinds import in_home

_WHY = {
    "SealedErased": "erased",
    "SealedExpired": "expired",
    "SealedNoAccess": "without access to their key (AUDIO_KEY_STORE)",
    "SealedUnknown": "of a key that was never written",
    "SealedDamaged": "damaged",
}


def key_store() -> str:
    """The address of the key store.

    Raises:
        SettingsError: If the setting cannot be used.
    """
    return in_home(read(KeyStoreSettings, os.environ).key_store, Path.home())


@asynccontextmanager
async def record_opener(command: str, cluster: Cluster) -> AsyncIterator[RecordOpener]:
    """Opens sealed records; says at the end how many could not be opened.

    Raises:
        SettingsError: If the setting of the key store cannot be used.
    """
    async with RecordOpener(key_view_of(cluster.connection, cluster.topic(KEYS), key_store())) as opener:
        try:
            yield opener
        finally:
            tell_unopened(command, opener.unopened, opener.obstacle)


def tell_unopened(command: str, unopened: Mapping[str, int], obstacle: str | None) -> None:
    """Say how many sealed records could not be opened, and why; nothing if all could."""
    if unopened:
        if obstacle is not None:
            say(command, f"no access to keys: {obstacle}")
        why = ", ".join(f"{number} {_WHY[code]}" for code, number in sorted(unopened.items()))
        say(command, f"{counted(sum(unopened.values()), 'sealed record')} not opened: {why}")
