"""Removes stored content that nothing names any more, such as what killed workers leave behind.

The order matters (docs/OBJECT_STORES.md): what is stored is listed, then all topics are read, then the archive. What
a record names is kept, and so is everything that was stored within a time that is far longer than any attempt takes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import ConsumerRecord, TopicPartition

from schemas import Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, RECORDINGS
from scripts.cli import Cluster, CommandError, progress_bar
from streams.archive.entry import Entry
from streams.archive.names import ENTRY_SUFFIX
from streams.archive.names import ROOT as ARCHIVE
from streams.archive.reader import ArchiveReader
from streams.clients.messages import record_of
from streams.clients.topic_reader import Offsets, TopicReader
from streams.kafka.connected_client import connected_client
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.kafka.protocol.unreadable import Unreadable
from streams.stores import StoredObject, Stores
from streams.stores.garbage import ROOT, digests_in, digests_named_by, remove, unnamed

#: Topics whose records name content, inputs first.
_INPUTS = (RAW, RECORDINGS)
_TOPICS = (*_INPUTS, COMPRESSED, DEAD_LETTER)
_ATTEMPTS = 3  # to read a topic whose oldest records expire meanwhile


@dataclass(frozen=True, slots=True)
class Garbage:
    """What a search has found.

    Attributes:
        content: Objects that nothing names, and that are old enough.
        stored: Number of all objects with content.
        before: They were stored before this time.
        waiting: When the oldest input was written that is not processed yet; None if none waits. Content stored since
            then may be stored again when it is processed, and is kept.
    """

    content: list[StoredObject]
    stored: int
    before: datetime
    waiting: datetime | None

    @property
    def bytes(self) -> int:
        """Size of the garbage."""
        return sum(one.size for one in self.content)


async def find(cluster: Cluster, stores: Stores, older_than: float) -> Garbage:
    """Find content that no committed record and no entry of the archive names.

    Args:
        cluster: The installation to which the stores belong.
        stores: The stores; the first one is searched.
        older_than: Seconds for which it must not have been stored again.

    Raises:
        CommandError: If a record or an entry cannot be read, so that it is not known what it names.
        StoreUnavailableError: If the store fails.
    """
    stored = await asyncio.to_thread(lambda: list(stores.list(ROOT)))
    before = datetime.now(UTC) - timedelta(seconds=older_than)
    named: set[bytes] = set()
    waiting_ms: int | None = None
    for name in _TOPICS:
        oldest = await _read_topic(cluster, name, named)
        if oldest is not None:
            waiting_ms = oldest if waiting_ms is None else min(oldest, waiting_ms)
    await asyncio.to_thread(_read_archive, stores, named)
    waiting = None if waiting_ms is None else datetime.fromtimestamp(waiting_ms / 1000, UTC)
    if waiting is not None:
        before = min(before, waiting)
    return Garbage(list(unnamed(stored, named, before)), len(stored), before, waiting)


async def sweep(stores: Stores, garbage: Garbage) -> int:
    """Remove garbage; content that was stored again meanwhile stays. Returns the number of removed objects."""
    removed = 0
    with progress_bar() as progress:
        for one in progress.track(garbage.content, description="removing"):
            removed += await asyncio.to_thread(remove, stores, one)
    return removed


async def _read_topic(cluster: Cluster, name: str, named: set[bytes]) -> int | None:
    """Add what a topic's records name; returns the time of its oldest input that waits, in milliseconds.

    Raises:
        CommandError: If the topic expires faster than it is read.
    """
    async with TopicReader(cluster.connection, cluster.topic(name)) as reader:
        for _ in range(_ATTEMPTS):
            begins, ends = await reader.bounds()
            committed = await _committed(cluster, begins) if name in _INPUTS else ends
            oldest = await _read_between(reader, begins, ends, committed, named)
            if (await reader.bounds())[0] == begins:  # otherwise reading may have jumped over what was about to expire
                return oldest
    raise CommandError(f"{cluster.topic(name)} expires while it is read; nothing is removed: try again")


async def _read_between(
    reader: TopicReader, begins: Offsets, ends: Offsets, committed: Offsets, named: set[bytes]
) -> int | None:
    oldest: int | None = None
    total = sum(ends[place] - begin for place, begin in begins.items())
    with progress_bar() as progress:
        bar = progress.add_task("reading", total=total)
        async for message in reader.between(begins, ends, _shown(begins, lambda by: progress.advance(bar, by))):
            named |= _named(message)
            if message.offset >= committed.get(TopicPartition(message.topic, message.partition), 0):
                oldest = message.timestamp if oldest is None else min(oldest, message.timestamp)
    return oldest


def _named(message: ConsumerRecord) -> set[bytes]:
    if isinstance(message, Unreadable):
        place = f"{message.topic}, partition {message.partition}, offset {message.offset}"
        raise CommandError(f"{place}: {message.rejection.message}; nothing is removed, as it may name content")
    return digests_named_by(record_of(message))


def _shown(begins: Offsets, advance: Callable[[int], None]) -> Callable[[Offsets], None]:
    reached = sum(begins.values())

    def show(now: Offsets) -> None:
        nonlocal reached
        advance(sum(now.values()) - reached)
        reached = sum(now.values())

    return show


async def _committed(cluster: Cluster, begins: Offsets) -> dict[TopicPartition, int]:
    """Up to where the workers have processed each partition."""
    async with connected_client(cluster.connection) as client:
        found = await fetch_last_committed(client, cluster.group, list(begins))
    return {place: one.offset for place, one in found.items()}


def _read_archive(stores: Stores, named: set[bytes]) -> None:
    """Add what entries without a file beside them name."""
    entries, with_file = {}, set()
    for one in stores.list(ARCHIVE.rstrip("/")):
        stem, dot, suffix = one.reference.key.rpartition(".")
        if f"{dot}{suffix}" == ENTRY_SUFFIX:
            entries[stem] = one.reference
        else:
            with_file.add(stem)
    reader = ArchiveReader(stores)
    for stem in entries.keys() - with_file:
        if stem.endswith("/manifest"):
            continue
        entry = reader.read(entries[stem])
        if isinstance(entry, Rejection):
            raise CommandError(f"{entries[stem]}: {entry.reason}; nothing is removed, as it may name content")
        named |= _reference_of(entry)


def _reference_of(entry: Entry) -> set[bytes]:
    return digests_in(entry.reference or "")
