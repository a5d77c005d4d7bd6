"""Writes results and manifests into the archive. Whatever it writes, it can write again."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from schemas import Record
from streams.archive.entry import Entry
from streams.archive.names import MANIFEST, CallDay
from streams.archive.reader import ArchiveReader
from streams.clients.assembling import assemble
from streams.clients.manifests import PlacedPart, WrittenTrack, manifest_of
from streams.clients.track_parts import Gap, Segment
from streams.stores import Stores

#: Results that are stored at the same time: each waits for a store most of the time.
_THREADS = 8
#: Listings of a call that changes all the time, before its manifest is left for the next time.
_ATTEMPTS = 3


class CommittedResult(NamedTuple):
    """A record of ``audio.compressed`` to archive.

    Attributes:
        segment: The result as a segment of its call.
        record: Its record.
    """

    segment: Segment
    record: Record


class ArchiveWriter:
    """Stores committed results in the archive; used from one thread at a time.

    Args:
        stores: The object stores.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._reader = ArchiveReader(stores)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="archive")

    def store(self, results: Iterable[CommittedResult]) -> list[Entry]:
        """Store results: the file first, then its entry, so that what has an entry is complete.

        The names and the bytes follow from the record alone. A result by reference has only an entry, which names its
        object: ``./scripts/stores gc`` keeps what an entry names.

        Raises:
            StoreUnavailableError: If the store for writing does not work. Some of them may be stored.
        """
        return list(self._pool.map(self._store, results))

    def write_manifest(self, call: CallDay) -> None:
        """Write the manifest of a call's results of one day, from the entries that are stored.

        Entries are listed again afterwards: if another worker has stored one meanwhile, the manifest is written again.

        Raises:
            StoreUnavailableError: If the stores do not work.
        """
        for _ in range(_ATTEMPTS):
            names = self._reader.names(call.directory)
            entries = [one for one in self._pool.map(self._reader.read, names) if isinstance(one, Entry)]
            if not entries:
                return
            self._stores.put(f"{call.directory}{MANIFEST}", _manifest(entries))
            if self._reader.names(call.directory) == names:
                return

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _store(self, one: CommittedResult) -> Entry:
        entry = Entry.of(one.segment, one.record)
        directory = entry.call_day.directory
        if entry.file is not None:
            self._stores.put(f"{directory}{entry.file}", one.record.value or b"")
        self._stores.put(f"{directory}{entry.name}", entry.to_json())
        return entry


def _manifest(entries: Sequence[Entry]) -> bytes:
    """The manifest of a call in the form of ``calls export``: the files are those of the segments, as they are."""
    files = {one.segment.position: one.file or one.reference for one in entries}
    call = assemble([one.segment for one in entries])
    written = [
        WrittenTrack(
            track,
            [PlacedPart(part, None if isinstance(part, Gap) else files[part.position]) for part in track.parts],
        )
        for track in call.tracks
    ]
    return f"{json.dumps(manifest_of(call, written), indent=2)}\n".encode()
