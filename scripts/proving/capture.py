"""Takes from a running installation what a search after an erasure looks for: audio, digests, references and keys."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from infra.secret_files import write_secret
from schemas import Record, Rejection
from schemas import headers as h
from schemas.raw_audio import guest_of, hotel_of
from schemas.topics import AUDIT, COMPRESSED, DEAD_LETTER, KEYS, RAW, RECORDINGS
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError, cluster_of, counted, progress_bar, say
from scripts.object_stores import object_stores
from scripts.proving.windows import window_of
from scripts.sealing.opening import installed_key_store
from streams.clients.messages import record_of
from streams.clients.topic_reader import TopicReader
from streams.compliance.erasure_scope import Scope, Selection
from streams.compliance.key_log import KeyEntry
from streams.kafka.protocol.unreadable import Unreadable
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.key_store import KeyStore
from streams.security.sealing.missing import Missing
from streams.security.sealing.sealed_record import is_sealed, open_record
from streams.security.sealing.wrapped_key import WrappedKey, parse, unwrap
from streams.stores.claim_check import ClaimCheck

_NAME = "prove-erasure"
_CONTROLS = 20
#: Bytes of an object from its beginning that a window is looked for in.
_OBJECT_BYTES = 4 * 2**20
_PROMPT = b"prompt"
_REFERENCE_BYTES = 8  # at least; shorter references occur by chance


class ScopeKeys(NamedTuple):
    """The keys of what is to be erased.

    Attributes:
        secrets: Data keys by their ids.
        epochs: The keys of the epochs that open them, by number.
        calls: Calls that they are of, as far as that can be told.
    """

    secrets: Mapping[bytes, DataKey]
    epochs: Mapping[int, bytes]
    calls: frozenset[str]

    def find(self, key_id: bytes) -> DataKey | Missing:
        """The key of an id, if it is in the scope."""
        return self.secrets.get(key_id, Missing.UNKNOWN)


@dataclass
class Patterns:
    """What a search looks for, by name.

    Attributes:
        erased: Bytes of what is to be erased, as they would be in clear.
        control: Bytes of other records, as they lie in the topics.
        uniform: Number of contents that have no bytes which occur once.
        prompts: Number of records of prompts, which an erasure leaves in the cache.
        records: Number of records in the scope.
    """

    erased: dict[str, bytes] = field(default_factory=dict)
    control: dict[str, bytes] = field(default_factory=dict)
    uniform: int = 0
    prompts: int = 0
    records: int = 0

    def take(self, place: str, record: Record, content: bytes | None) -> None:
        """Take the patterns of a record in the scope."""
        self.records += 1
        headers = dict(record.headers)
        if headers.get(h.CHANNEL) == _PROMPT:
            self.prompts += 1
            return
        if content:
            self._window(place, content)
        if digest := headers.get(h.PCM_SHA256):
            self.erased[f"{place}, {h.PCM_SHA256}"] = digest
        guest = headers.get(h.GUEST_REF) or b""
        if len(guest) >= _REFERENCE_BYTES:
            self.erased[f"{h.GUEST_REF}"] = guest

    def take_control(self, place: str, value: bytes | None) -> None:
        """Take a pattern of a record that is not in the scope."""
        window = window_of(value or b"") if len(self.control) < _CONTROLS else None
        if window is not None:
            self.control[f"{place}, as it is there"] = window

    def _window(self, place: str, content: bytes) -> None:
        window = window_of(content)
        if window is None:
            self.uniform += 1
        else:
            self.erased[place] = window


async def capture(options: argparse.Namespace) -> int:
    """Write the file of patterns; returns the exit code."""
    cluster = cluster_of(options)
    await cluster.check([KEYS, RAW, RECORDINGS, COMPRESSED, DEAD_LETTER, AUDIT])
    scope = Scope(options.hotel, frozenset(filter(None, [options.call])), options.guest)
    keys = await _keys(cluster, installed_key_store(), scope)
    async with Audit(cluster) as audit:
        await audit.write("calls-export", [f"hotel:{scope.hotel}", *(f"call:{one}" for one in sorted(keys.calls))])
    found = Patterns()
    with object_stores() as stores:
        await _look(cluster, scope, keys, replace(stores, find=keys.find), found)
    if not found.erased and not keys.secrets:
        raise CommandError("there is nothing of it: check --hotel and --call or --guest")
    if not found.control:
        raise CommandError("there is no record of another call, which a search has to find as its control")
    secrets = {f"data key {one.id.hex()}": one.secret for one in keys.secrets.values()}
    secrets |= {f"key of epoch {number}": key for number, key in keys.epochs.items()}
    document = {"erased": found.erased, "keys": secrets, "control": found.control}
    hexed = {kind: {name: value.hex() for name, value in those.items()} for kind, those in document.items()}
    write_secret(options.out, json.dumps(hexed, indent=1).encode())
    _tell(found, keys, options.out)
    return 0


def _tell(found: Patterns, keys: ScopeKeys, out: object) -> None:
    what = f"{counted(len(found.erased), 'pattern')} of {counted(found.records, 'record')}"
    print(f"{what}, {counted(len(keys.secrets), 'data key')}, {counted(len(found.control), 'control')}: {out}")
    if found.uniform:
        say(_NAME, f"{counted(found.uniform, 'content')} had no bytes that occur only there")
    if found.prompts:
        say(_NAME, f"{counted(found.prompts, 'record')} of prompts left out: an erasure leaves those in the cache")
    say(_NAME, "the file opens what is to be erased: keep it off what is scanned, and destroy it afterwards")


async def _keys(cluster: Cluster, store: KeyStore, scope: Scope) -> ScopeKeys:
    """The keys of a scope that are there now."""
    selection = Selection(scope, store)
    latest: dict[bytes, KeyEntry] = {}
    async with TopicReader(cluster.connection, cluster.topic(KEYS)) as topic:
        async for message in topic.between(*await topic.bounds()):
            if not isinstance(message, Unreadable) and message.key is not None:
                latest[message.key] = KeyEntry(message.partition, message.key, message.value)
    chosen = [found for entry in latest.values() if (found := selection.of(entry)) is not None]
    epochs = {one.epoch: store.read(one.epoch) for one in chosen if one.epoch in store.epochs()}
    opened: dict[bytes, DataKey] = {}
    for one in chosen:
        wrapped = parse(one.entry.value or b"")
        if isinstance(wrapped, WrappedKey) and one.epoch in epochs:
            unwrapped = unwrap(one.entry.key, wrapped, epochs[one.epoch])
            if not isinstance(unwrapped, Rejection):
                opened[one.entry.key] = unwrapped[0]
    return ScopeKeys(opened, epochs, scope.calls | {one.call for one in chosen if one.call is not None})


async def _look(cluster: Cluster, scope: Scope, keys: ScopeKeys, stores: ClaimCheck, found: Patterns) -> None:
    """Read all records that may have something of the scope; results in clear by the calls of inputs."""
    calls = set(keys.calls)
    with progress_bar() as progress:
        bar = progress.add_task("records", total=None)
        for name in (RAW, RECORDINGS, COMPRESSED, DEAD_LETTER):
            async for place, record in _records(cluster, name):
                progress.advance(bar)
                opened = _innermost(record, keys)
                if isinstance(opened, Rejection) or not (is_sealed(record) or _belongs(record, scope, calls)):
                    found.take_control(place, record.value)
                else:
                    calls.add(_call_of(record))
                    found.take(place, opened, await asyncio.to_thread(_content, opened, stores))


def _innermost(record: Record, keys: ScopeKeys) -> Record | Rejection:
    """A record in clear: the dead letter of an input that its sender has sealed is sealed twice."""
    opened: Record | Rejection = record
    while not isinstance(opened, Rejection) and is_sealed(opened):
        opened = open_record(opened, keys.find)
    return opened


async def _records(cluster: Cluster, name: str) -> AsyncIterator[tuple[str, Record]]:
    async with TopicReader(cluster.connection, cluster.topic(name)) as topic:
        async for message in topic.between(*await topic.bounds()):
            if not isinstance(message, Unreadable):
                yield f"{message.topic}-{message.partition} at offset {message.offset}", record_of(message)


def _belongs(record: Record, scope: Scope, calls: Collection[str]) -> bool:
    """Whether a record in clear is of the scope."""
    if hotel_of(record) != scope.hotel:
        return False
    return _call_of(record) in calls or (scope.guest is not None and guest_of(record) == scope.guest)


def _call_of(record: Record) -> str:
    return (record.key or b"").decode("utf-8", "replace")


def _content(record: Record, stores: ClaimCheck) -> bytes | None:
    """The audio of a record, or the beginning of that in its object."""
    headers = dict(record.headers)
    reference = headers.get(h.DATA_REF)
    if record.value or reference is None:
        return record.value
    parts = stores.stream(reference.decode(), None)
    if isinstance(parts, Rejection):
        return None
    content = bytearray()
    for part in parts:
        content += part
        if len(content) > _OBJECT_BYTES:
            break
    return bytes(content)
