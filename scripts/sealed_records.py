"""Sealed records in commands: the key store by the settings, and what could not be opened."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from schemas.topics import KEYS
from scripts.cli import Cluster, counted, say
from scripts.sealing.opening import key_store_opener
from streams.clients.key_view import key_view_of
from streams.clients.opening import RecordOpener

_WHY = {
    "SealedErased": "erased",
    "SealedExpired": "expired",
    "SealedNoAccess": "without access to their key (AUDIO_KEY_STORE)",
    "SealedUnknown": "of a key that was never written",
    "SealedDamaged": "damaged",
}


@asynccontextmanager
async def record_opener(command: str, cluster: Cluster) -> AsyncIterator[RecordOpener]:
    """Opens sealed records; says at the end how many could not be opened.

    Raises:
        SettingsError: If the setting of the key store cannot be used.
    """
    keys = key_view_of(cluster.connection, cluster.topic(KEYS), key_store_opener(os.environ))
    async with RecordOpener(keys) as opener:
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
