"""The archive in a local directory: written twice the same, manifests with everything that is stored, odd ids."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas import CompressedAudio, Position
from streams.archive.entry import Entry
from streams.archive.names import MANIFEST
from streams.archive.reader import ArchiveReader
from streams.archive.writer import ArchiveWriter, CommittedResult
from streams.clients.track_parts import Segment
from streams.stores import Stores, StoresConfiguration
from tests.support.call_segments import result
from tests.support.events import COMPRESSED_BY_REFERENCE

APPENDED_MS = 1_796_000_000_123


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores.of(StoresConfiguration.parse(f"file://{tmp_path}/stores"))
    yield made
    made.close()


def committed(event: CompressedAudio, offset: int) -> CommittedResult:
    place = Position("audio.compressed", 3, offset)
    return CommittedResult(Segment(event, place, APPENDED_MS + offset, event.sha256), event.to_record())


def a_call(count: int = 3, **changes: Any) -> list[CommittedResult]:
    return [
        committed(result(number, audio=b"OggS%d" % number, final=number == count - 1, **changes), number)
        for number in range(count)
    ]


def files(tmp_path: Path) -> dict[str, bytes]:
    root = tmp_path / "stores"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_archived_twice_is_there_once_with_the_same_bytes(stores: Stores, tmp_path: Path) -> None:
    writer = ArchiveWriter(stores)
    call = writer.store(a_call())[0].call_day
    writer.write_manifest(call)
    before = files(tmp_path)
    assert len(before) == 7
    assert {name.rpartition("/")[0] for name in before} == {"archive/seaside/2026-11-30/call-1"}
    writer.store(a_call()[1:])
    writer.write_manifest(call)
    assert files(tmp_path) == before


def test_the_manifest_has_what_that_of_an_export_has(stores: Stores, tmp_path: Path) -> None:
    writer = ArchiveWriter(stores)
    entries = writer.store([one for one in a_call(4) if one.segment.result.sequence != 1])
    writer.write_manifest(entries[0].call_day)
    manifest = json.loads(files(tmp_path)[f"{entries[0].call_day.directory}{MANIFEST}"])
    assert (manifest["hotel"], manifest["call"], manifest["complete"]) == ("seaside", "call-1", False)
    assert manifest["problems"] == ["guest: segment 1 is missing"]
    assert manifest["files"] == [one.file for one in entries]
    [track] = manifest["tracks"]
    assert [segment["sequence"] for segment in track["segments"]] == [0, 2, 3]
    assert [segment["file"] for segment in track["segments"]] == [one.file for one in entries]


def test_results_are_read_again_and_their_files_verified(stores: Stores) -> None:
    hotel, call = "a/b ..%2F~\u00e9", "../../c\\d"
    ArchiveWriter(stores).store(a_call(hotel_id=hotel, call_id=call, stream_id="s"))
    reader = ArchiveReader(stores)
    day = a_call_day()
    found = [reader.read(name) for name in reader.of_hotel(hotel, day, day, call)]
    assert [one.segment.result.sequence for one in found if isinstance(one, Entry)] == [0, 1, 2]
    for number, one in enumerate(found):
        assert isinstance(one, Entry)
        place = stores.reference(one.segment.result.data_ref or "")
        assert not isinstance(place, str)
        assert stores.read(place, limit=100, sha256=one.segment.sha256) == b"OggS%d" % number  # type: ignore[arg-type]
    assert list(reader.of_hotel("a", day, day)) == []
    assert list(reader.of_hotel(hotel, day.replace(day=1), day.replace(day=2))) == []


def test_a_result_by_reference_is_archived_by_its_entry_alone(stores: Stores, tmp_path: Path) -> None:
    ArchiveWriter(stores).store([committed(COMPRESSED_BY_REFERENCE, 5)])
    [(name, text)] = files(tmp_path).items()
    assert name.endswith(".json")
    assert json.loads(text)["reference"] == COMPRESSED_BY_REFERENCE.data_ref


def test_another_workers_result_that_comes_meanwhile_is_in_the_manifest(stores: Stores, tmp_path: Path) -> None:
    first, second, third = a_call()
    writer, other = ArchiveWriter(stores), ArchiveWriter(stores)
    call = writer.store([first, second])[0].call_day

    class Interrupted(Stores):
        """Stores a result of another worker after this one has listed the call."""

        def put(self, key: str, content: bytes | Path) -> Any:
            other.store([third])
            return super().put(key, content)

    ArchiveWriter(Interrupted(stores.pools)).write_manifest(call)
    manifest = json.loads(files(tmp_path)[f"{call.directory}{MANIFEST}"])
    assert (manifest["segments"], manifest["complete"]) == (3, True)


def a_call_day() -> Any:
    one = a_call()[0]
    return Entry.of(replace(one.segment), one.record).call_day.day
