"""Sealed results as segments of a call: opened, or as far as their headers in clear tell."""

from dataclasses import replace

from aiokafka import ConsumerRecord

from schemas import Record, Rejection
from streams.clients.assembling import assemble
from streams.clients.results import segment_of
from streams.clients.track_parts import Segment
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import Missing, missing_rejection
from streams.security.sealing.sealed_record import seal_record
from tests.support.events import COMPRESSED, COMPRESSED_BY_REFERENCE

KEY = DataKey.new()
RECORD = COMPRESSED.to_record()


def message(record: Record) -> ConsumerRecord:
    return ConsumerRecord(
        "audio.compressed", 3, 7, 1000, 1, record.key, record.value, None, 0, 0, tuple(record.headers)
    )


def segment(record: Record, opened: Record | Rejection | None = None) -> Segment:
    found = segment_of(message(record), opened)
    assert isinstance(found, Segment), found
    return found


def test_an_opened_result_is_the_segment_of_the_one_in_clear() -> None:
    assert segment(seal_record(RECORD, KEY), RECORD) == segment(RECORD)


def test_one_without_access_is_a_segment_that_is_not_intact_and_has_no_audio() -> None:
    for event in (COMPRESSED, COMPRESSED_BY_REFERENCE):
        one = segment(seal_record(event.to_record(), KEY), missing_rejection(Missing.NO_ACCESS, "ce_sealkey"))
        assert not one.intact
        assert one.result.audio == b""
        assert (one.result.call_id, one.result.duration_ms) == (event.call_id, event.duration_ms)
        [problem, *_] = assemble([one]).problems
        assert "cannot be opened: ce_sealkey: leads to a key without access" in problem


def test_what_was_erased_or_has_expired_is_no_segment_of_a_call() -> None:
    for missing in (Missing.ERASED, Missing.EXPIRED):
        rejection = missing_rejection(missing, "ce_sealkey")
        assert segment_of(message(seal_record(RECORD, KEY)), rejection) == rejection


def test_a_sealed_result_can_be_kept_as_it_is_without_its_key() -> None:
    sealed = seal_record(RECORD, KEY)
    kept = segment(sealed)
    assert kept.intact
    assert kept.result.audio == sealed.value
    changed = segment(replace(sealed, value=b"changed"))
    assert not changed.intact
