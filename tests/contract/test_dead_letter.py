import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadLetter, Position, Record, Rejection, Stage
from tests.contract.strategies import positions, records, texts
from tests.support.events import LETTER, REASON

stages: st.SearchStrategy[Stage] = st.sampled_from(["contract", "decode", "compress"])
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
    assert (record.key, record.value, record.timestamp_ms) == (b"k", b"v", 17)
    assert record.headers == (
        ("a", b"1"),
        ("a", None),
        ("__connect.errors.topic", b"audio.raw"),
        ("__connect.errors.partition", b"1"),
        ("__connect.errors.offset", b"2"),
        ("__connect.errors.stage", b"contract"),
        ("__connect.errors.exception.class.name", b"EmptyValue"),
        ("__connect.errors.exception.message", b"value: is empty: send at least one sample of audio"),
    )


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
