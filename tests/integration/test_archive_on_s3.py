"""The archive and the garbage collection on a genuine S3 server."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from infra.stores.local import LocalStores
from schemas import CompressedAudio, Position
from streams.archive.entry import Entry
from streams.archive.names import day_of
from streams.archive.reader import ArchiveReader
from streams.archive.writer import ArchiveWriter, CommittedResult
from streams.clients.track_parts import Segment
from streams.stores import ObjectReference, Stores, content_key
from streams.stores.garbage import remove, unnamed
from tests.support.call_segments import result
from tests.support.object_stores import stores_of, unique_prefix

APPENDED_MS = 1_796_000_000_123
DAY = day_of(APPENDED_MS)


@pytest.fixture
def stores(object_stores: LocalStores) -> Iterator[Stores]:
    made = stores_of(object_stores)
    yield made
    made.close()


def committed(event: CompressedAudio, offset: int) -> CommittedResult:
    place = Position("audio.compressed", 3, offset)
    return CommittedResult(Segment(event, place, APPENDED_MS, event.sha256), event.to_record())


@pytest.mark.parametrize(
    "call", ["1769851800.4711", "../..", ".", "a/b//c", "50% ~+&=?#:;@", "caf\u00e9 \u4e2d", "%2F", "\u00e9" * 255]
)
def test_any_ids_are_archived_and_found_again(stores: Stores, call: str) -> None:
    hotel = f"{unique_prefix()} {call}"[:255]
    events = [
        result(number, audio=b"OggS%d" % number, hotel_id=hotel, call_id=call, stream_id="s", final=number == 1)
        for number in range(2)
    ]
    writer, reader = ArchiveWriter(stores), ArchiveReader(stores)
    entries = writer.store([committed(event, number) for number, event in enumerate(events)])
    writer.write_manifest(entries[0].call_day)
    found = [reader.read(name) for name in reader.of_hotel(hotel, DAY, DAY, call)]
    assert [reader.read(name) for name in reader.of_hotel(hotel, DAY, DAY)] == found
    for entry, event in zip(found, events, strict=True):
        assert isinstance(entry, Entry)
        assert (entry.segment.result.hotel_id, entry.segment.result.call_id) == (hotel, call)
        place = stores.reference(entry.segment.result.data_ref or "")
        assert isinstance(place, ObjectReference)
        assert stores.read(place, limit=100, sha256=entry.segment.sha256) == event.audio


def test_content_that_is_stored_again_has_a_new_time_and_stays(stores: Stores) -> None:
    content = unique_prefix().encode()
    digest = hashlib.sha256(content).digest()
    place = stores.put(content_key(digest.hex()), content)
    listed = [one for one in stores.list(f"sha256/{digest.hex()[:2]}") if one.reference == place]
    assert stores.modified(place) == listed[0].modified
    later = datetime.now(UTC) + timedelta(hours=1)
    assert list(unnamed(listed, {digest}, later)) == []
    assert list(unnamed(listed, set(), listed[0].modified)) == []
    [found] = unnamed(listed, set(), later)
    while (stores.modified(place) or later) - found.modified < timedelta(seconds=1):
        stores.put(place.key, content)
    assert not remove(stores, found)
    [found] = unnamed(
        [one for one in stores.list(f"sha256/{digest.hex()[:2]}") if one.reference == place], set(), later
    )
    assert remove(stores, found)
    assert stores.modified(place) is None
    assert not remove(stores, found)
