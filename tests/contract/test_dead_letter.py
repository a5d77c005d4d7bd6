import hashlib
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Cut, DeadLetter, Position, Record, Rejection, Stage
from schemas.dead_letter import EXCERPT_BYTES
from schemas.record_size import batch_bytes
from tests.contract.strategies import positions, records, texts
from tests.support.events import LETTER, REASON

stages: st.SearchStrategy[Stage] = st.sampled_from(get_args(Stage))
rejections = st.builds(
    Rejection,
    stage=stages,
    code=texts,
    field=st.sampled_from(["value", "key", "ce_callid", "content-type"]),
    reason=st.text(st.characters(codec="utf-8")),
)


@given(records, positions, rejections)
def test_the_original_comes_back_intact(original: Record, position: Position, rejection: Rejection) -> None:
    letter = DeadLetter(original, position, rejection)
    assert DeadLetter.from_record(letter.to_record()) == letter


@given(records, positions, rejections)
def test_a_dead_letter_of_a_dead_letter_comes_back_intact(
    original: Record, position: Position, rejection: Rejection
) -> None:
    first = DeadLetter(original, position, rejection).to_record()
    second = DeadLetter(first, Position("audio.raw", 7, 9), REASON)
    assert DeadLetter.from_record(second.to_record()) == second


@given(records)
def test_no_record_raises(record: Record) -> None:
    assert isinstance(DeadLetter.from_record(record), DeadLetter | Rejection)


def test_reason_follows_the_original_in_kafka_connects_names() -> None:
    record = LETTER.to_record()
    assert (record.key, record.value) == (b"k", b"v")
    assert record.headers == (
        ("a", b"1"),
        ("a", None),
        ("__connect.errors.topic", b"audio.raw"),
        ("__connect.errors.partition", b"1"),
        ("__connect.errors.offset", b"2"),
        ("__connect.errors.stage", b"contract"),
        ("__connect.errors.exception.class.name", b"EmptyValue"),
        ("__connect.errors.exception.message", b"value: is empty: send at least one sample of audio"),
        ("__connect.errors.timestamp", b"17"),
    )


def test_a_letter_has_the_time_of_its_refusal_and_the_inputs_in_a_header() -> None:
    record = LETTER.to_record()
    assert record.timestamp_ms is None
    read = DeadLetter.from_record(replace(record, timestamp_ms=1_800_000_000_000))
    assert read == LETTER


def test_a_letter_of_an_earlier_release_has_its_inputs_time_as_its_own() -> None:
    record = LETTER.to_record()
    read = DeadLetter.from_record(replace(record, headers=record.headers[:-1], timestamp_ms=17))
    assert read == LETTER


def test_an_inputs_own_reason_of_an_earlier_refusal_is_not_taken_for_that_of_this_one() -> None:
    """The earlier dead letter was truncated and had a timestamp; its input is sent again without one, and refused."""
    earlier = replace(LETTER, cut=Cut(70_000, "0" * 64, 90, 66_000)).to_record()
    again = DeadLetter(earlier, Position("audio.raw", 1, 3), REASON)
    assert DeadLetter.from_record(again.to_record()) == again


@given(records, positions, rejections, st.integers(0, 2000))
def test_a_dead_letter_that_fits_is_not_truncated(
    original: Record, position: Position, rejection: Rejection, room: int
) -> None:
    letter = DeadLetter(original, position, rejection)
    assert letter.fitted(batch_bytes(letter.to_record()) + room) == letter


def test_a_value_that_does_not_fit_leaves_its_beginning_length_and_digest() -> None:
    value = bytes(range(256)) * 512
    whole = replace(LETTER, original=replace(LETTER.original, value=value))
    limit = batch_bytes(whole.to_record())
    assert whole.fitted(limit) == whole
    cut = whole.fitted(limit - 1)
    assert cut.original == replace(whole.original, value=value[:EXCERPT_BYTES])
    assert cut.cut == Cut(value_bytes=len(value), value_sha256=hashlib.sha256(value).hexdigest())
    assert batch_bytes(cut.to_record()) < limit
    assert DeadLetter.from_record(cut.to_record()) == cut


def test_headers_and_key_are_cut_only_if_that_is_not_enough() -> None:
    headers = tuple((f"h{number}", bytes(10_000)) for number in range(100))
    whole = replace(LETTER, original=Record(bytes(10**6), bytes(10**6), headers, 17))
    without_value = whole.fitted(2_100_000)
    assert without_value.cut == Cut(value_bytes=10**6, value_sha256=hashlib.sha256(bytes(10**6)).hexdigest())
    without_headers = whole.fitted(1_200_000)
    assert without_headers.original.headers == headers[:6]
    assert without_headers.cut.header_count == 100
    assert without_headers.original.key == whole.original.key
    smallest = whole.fitted(1)
    assert smallest.cut.key_bytes == 10**6
    assert batch_bytes(smallest.to_record()) < 3 * EXCERPT_BYTES + 1000
    assert DeadLetter.from_record(smallest.to_record()) == smallest


def test_headers_that_others_add_later_do_no_harm() -> None:
    record = LETTER.to_record()
    later = Record(record.key, record.value, (*record.headers, ("trace", b"1")), record.timestamp_ms)
    letter = DeadLetter.from_record(later)
    assert isinstance(letter, DeadLetter)
    assert letter.original.headers == (*LETTER.original.headers, ("trace", b"1"))


@pytest.mark.parametrize("missing", range(2, 8))
def test_each_header_of_the_reason_is_required(missing: int) -> None:
    record = LETTER.to_record()
    name = record.headers[missing][0]
    headers = tuple(header for header in record.headers if header[0] != name)
    rejection = DeadLetter.from_record(Record(record.key, record.value, headers))
    assert isinstance(rejection, Rejection)
    assert (rejection.code, rejection.field) == ("MissingHeader", name)


def test_the_known_parts_of_an_unreadable_original_survive() -> None:
    rejection = Rejection("record", "UnreadableBatch", "batch", "cannot be read")
    letter = replace(LETTER, rejection=rejection, last_offset=2**40, raw_headers=b"\2\2\xff\1")
    assert DeadLetter.from_record(letter.to_record()) == letter
    assert LETTER.whole
    assert not letter.whole
    large = replace(letter, raw_headers=bytes(10**6)).fitted(200_000)
    assert isinstance(large, DeadLetter)
    assert len(large.raw_headers or b"") < 100_000
