"""Checks the key store: that it opens, is for its owner alone, and is that of the keys in the topic."""

import asyncio
import stat
from collections import Counter
from pathlib import Path

from schemas.topics import KEYS, topic
from scripts.cli import counted
from scripts.diagnosis.checking import WORKER, Installation
from scripts.sealing.opening import key_store_settings
from scripts.validation.finding import Finding, failed, not_checked, passed, warned
from streams.clients.topic_reader import TopicReader
from streams.kafka.protocol.unreadable import Unreadable
from streams.runtime.sealing_settings import KeyStoreSettings, key_store_address, open_key_store
from streams.runtime.setting_declaration import declared
from streams.security.sealing.key_store import KeyStore, KeyStoreError
from streams.security.sealing.key_stores import parse_address
from streams.security.sealing.wrapped_key import WrappedKey, parse

CHECK, KEYS_CHECK = "key store", "data keys"
_OWNER_ONLY = "chmod 600"
_REMEDY = "AUDIO_KEY_STORE has to name the installation's own, which ./scripts/keys init has made once for all machines"
_LATEST = 100  # records of each partition


async def check_key_store(installation: Installation) -> list[Finding]:
    """Whether the key store opens, and is for its owner alone; without one, nothing can be sealed or opened."""
    if not _opens(installation):
        return []
    settings = key_store_settings(installation.environ)
    address = key_store_address(settings)
    if not (_exists(address) or _named(installation)):
        return [not_checked(CHECK, address, "there is none: nothing can be sealed or opened")]
    try:
        store = await asyncio.to_thread(open_key_store, settings)
        epochs = await asyncio.to_thread(store.epochs)
    except KeyStoreError as error:
        return [failed(CHECK, "", str(error), _REMEDY)]
    found = [
        passed(CHECK, address, f"id {store.id.hex()}, {counted(len(epochs), 'epoch')}, the newest is {epochs[-1]}")
    ]
    path = parse_address(address)
    if isinstance(path, Path) and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        found.append(warned(CHECK, address, f"others can use it, by its mode {mode:o}", f"{_OWNER_ONLY} {path}"))
    return found


async def check_data_keys(installation: Installation) -> list[Finding]:
    """Whether the latest data keys are of this key store, and of epochs that it has."""
    settings = key_store_settings(installation.environ)
    if not (_opens(installation) and _exists(key_store_address(settings))):
        return []
    store = await asyncio.to_thread(open_key_store, settings)
    name = topic(KEYS).resolve(installation.valid.topic_prefix, installation.valid.group)
    latest = await _latest(installation, name)
    if problem := _problem(latest, store):
        return [failed(KEYS_CHECK, name, problem, _REMEDY)]
    number = sum(latest.values())
    return [
        passed(KEYS_CHECK, name, f"of the latest, {counted(number, 'key')} can be opened" if number else "no key yet")
    ]


def _problem(latest: Counter[tuple[bytes, int]], store: KeyStore) -> str | None:
    others = {owner.hex() for owner, _ in latest if owner != store.id}
    if others:
        return f"has keys of key store {', '.join(sorted(others))}, and this one is {store.id.hex()}"
    later = max((epoch for _, epoch in latest), default=0)
    newest = store.epochs()[-1]
    return (
        f"has keys of epoch {later}, and this key store ends with {newest}: it is an old copy"
        if later > newest
        else None
    )


async def _latest(installation: Installation, name: str) -> Counter[tuple[bytes, int]]:
    """Numbers of the latest keys, by key store and epoch."""
    found: Counter[tuple[bytes, int]] = Counter()
    async with TopicReader(installation.connection, name) as reader:
        begins, ends = await reader.bounds()
        begins = {place: max(begin, ends[place] - _LATEST) for place, begin in begins.items()}
        async for record in reader.between(begins, ends):
            wrapped = None if isinstance(record, Unreadable) else parse(record.value or b"")
            if isinstance(wrapped, WrappedKey):
                found[wrapped.store, wrapped.epoch] += 1
    return found


def _exists(address: str) -> bool:
    """Whether there is something at the address; a token is asked when it is opened."""
    path = parse_address(address)
    return not isinstance(path, Path) or path.exists()


def _opens(installation: Installation) -> bool:
    """Whether the role seals or opens."""
    return any(right.name == KEYS and "Read" in right.operations for right in installation.role.rights)


def _named(installation: Installation) -> bool:
    """Whether somebody relies on a key store: by naming it, or by sealing with it."""
    sealing = installation.role.name == WORKER and getattr(installation.worker, "sealing", "off") != "off"
    return sealing or declared(KeyStoreSettings)["key_store"].is_set(installation.environ)
