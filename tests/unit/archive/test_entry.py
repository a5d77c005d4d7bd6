"""The entry of a result: nothing of its record is lost, and the same record gives the same bytes."""

from dataclasses import replace

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from schemas import CompressedAudio, Position, Record, Rejection
from streams.archive.entry import Entry
from streams.clients.results import segment_of
from streams.clients.track_parts import Segment
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import seal_record
from tests.contract.strategies import compressed_events
from tests.support.events import COMPRESSED, COMPRESSED_BY_REFERENCE

BESIDE = "s3://hotel-audio/archive/seaside/2026-11-30/call-1/"
APPENDED_MS = 1_796_000_000_123


def entry_of(event: CompressedAudio, *, intact: bool = True, extra: tuple[tuple[str, bytes | None], ...] = ()) -> Entry:
    record = event.to_record()
    record = replace(record, headers=(*record.headers, *extra))
    problem = None if intact else "is not the file that ce_sha256 describes"
    segment = Segment(event, Position("audio.compressed", 3, 17), APPENDED_MS, event.sha256, problem)
    return Entry.of(segment, record)


def read(text: bytes) -> Entry:
    entry = Entry.from_json(text, BESIDE)
    assert isinstance(entry, Entry), entry
    return entry


@given(compressed_events)
def test_a_result_is_read_as_it_was_written_with_its_file_by_reference(event: CompressedAudio) -> None:
    written = entry_of(event)
    found = read(written.to_json())
    assert found.segment == replace(
        written.segment,
        result=replace(
            event,
            audio=b"",
            data_ref=f"{BESIDE}{written.file}" if event.data_ref is None else event.data_ref,
            data_sha256=event.sha256,
            data_bytes=event.compressed_bytes,
            quality=float(f"{event.quality:.2f}"),
        ),
    )
    assert found.to_json() == written.to_json()
    assert (found.headers, found.size, found.name) == (written.headers, event.compressed_bytes, written.name)


def test_a_file_lies_beside_its_entry_and_a_reference_is_kept() -> None:
    inline, by_reference = entry_of(COMPRESSED), entry_of(COMPRESSED_BY_REFERENCE)
    assert inline.file == inline.name.replace(".json", ".ogg")
    assert read(inline.to_json()).segment.result.data_ref == f"{BESIDE}{inline.file}"
    assert by_reference.file is None
    assert read(by_reference.to_json()).segment.result.data_ref == COMPRESSED_BY_REFERENCE.data_ref


def test_a_damaged_result_stays_told_as_damaged() -> None:
    assert not read(entry_of(COMPRESSED, intact=False).to_json()).segment.intact


def test_headers_of_others_survive_whatever_bytes_they_have() -> None:
    extra = (("x-trace", b"\xff\x00\xfe"), ("x-none", None))
    assert read(entry_of(COMPRESSED, extra=extra).to_json()).headers[-2:] == extra


@given(st.binary(max_size=80))
def test_other_objects_are_refused(text: bytes) -> None:
    assert isinstance(Entry.from_json(text, BESIDE), Rejection)


@pytest.mark.parametrize("broken", ["headers", "offset", "appended", "call", "bytes"])
def test_an_entry_that_lacks_something_is_refused(broken: str) -> None:
    text = entry_of(COMPRESSED).to_json().replace(f'"{broken}"'.encode(), b'"other"')
    assert isinstance(Entry.from_json(text, BESIDE), Rejection)


def test_the_record_without_headers_is_refused() -> None:
    entry = replace(entry_of(COMPRESSED), headers=Record(b"", b"").headers)
    assert isinstance(Entry.from_json(entry.to_json(), BESIDE), Rejection)


def test_a_sealed_result_is_archived_as_it_is_and_its_record_found_again() -> None:
    for event in (COMPRESSED, COMPRESSED_BY_REFERENCE):
        record = replace(seal_record(event.to_record(), DataKey.new()), timestamp_ms=APPENDED_MS)
        message = ConsumerRecord(
            "audio.compressed", 3, 17, APPENDED_MS, 1, record.key, record.value, None, 0, 0, record.headers
        )
        segment = segment_of(message)
        assert isinstance(segment, Segment)
        written = Entry.of(segment, record)

        found = read(written.to_json())

        assert found.sealed
        assert found.segment.intact
        assert found.record(record.value or b"") == record
        assert (found.file or ".sealed").endswith(".sealed")
        assert found.to_json() == written.to_json()
    assert not read(entry_of(COMPRESSED).to_json()).sealed
