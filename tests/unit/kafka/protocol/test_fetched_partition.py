"""Decoding of fetched batches, from valid ones to random bytes."""

import struct
import tracemalloc
from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from crc32c import crc32c
from hypothesis import example, given
from hypothesis import strategies as st

from streams.kafka.protocol.fetched_partition import FetchedPartition, TakeLimits
from streams.kafka.protocol.record_batch import header_of
from streams.kafka.protocol.record_parts import MOST_HEADERS
from streams.kafka.protocol.unreadable import Unreadable
from tests.support.odd_batches import (
    CONTROL,
    LOG_APPEND_TIME,
    ODD,
    TIMESTAMP_MS,
    TRANSACTIONAL,
    Codec,
    batch,
    marker,
    message,
    message_set,
    record,
)

TP = TopicPartition("audio.raw", 3)
ALL = TakeLimits(2**30, 10**6, 5.0)
CODECS: tuple[Codec, ...] = ("none", "gzip", "snappy", "raw-snappy", "lz4", "zstd")
Read = Sequence[ConsumerRecord[bytes, bytes]]


def read(
    data: bytes,
    position: int = 0,
    *,
    aborted: Sequence[tuple[int, int]] | None = (),
    corrupt_at: int | None = None,
    limits: TakeLimits = ALL,
) -> Read:
    """All records, taken up to the limits at a time."""
    batches, found = FetchedPartition(TP, data, aborted, position, corrupt_at=corrupt_at), []
    while not batches.exhausted:
        found += batches.take(limits)
    return found


def shown(records: Read) -> list[tuple[int, object]]:
    """Offsets with values, or with codes of rejections."""
    return [(one.offset, one.rejection.code if isinstance(one, Unreadable) else one.value) for one in records]


def three(*, base: int = 0, codec: Codec = "none", value: bytes = b"v") -> bytes:
    return batch([record(n, value=value) for n in range(3)], base_offset=base, codec=codec)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [0, 100, 700_000], ids=["empty", "small", "large"])
def test_every_codec_is_read(codec: Codec, size: int) -> None:
    values = [bytes([n]) * size for n in range(3)]
    headers = [(b"ce_id", b"1"), (b"ce_id", None), (b"", b"")]
    data = batch([record(n, b"k", value, headers, time_delta=n) for n, value in enumerate(values)], codec=codec)
    records = read(data + three(base=3))
    assert [(one.offset, one.key, one.value) for one in records[:3]] == [(n, b"k", values[n]) for n in range(3)]
    assert [one.headers for one in records[:3]] == [(("ce_id", b"1"), ("ce_id", None), ("", b""))] * 3
    assert [one.timestamp for one in records[:3]] == [TIMESTAMP_MS + n for n in range(3)]
    assert [one.offset for one in records[3:]] == [3, 4, 5]


@pytest.mark.parametrize("codec", CODECS)
def test_reading_goes_on_where_it_was_left(codec: Codec) -> None:
    for position in range(3):
        data = three(codec=codec) + three(base=3, codec=codec)
        assert [one.offset for one in read(data, position)] == list(range(position, 6))


def test_a_batch_that_is_cut_short_is_left_out() -> None:
    assert shown(read(three() + three(base=3)[:-1])) == [(n, b"v") for n in range(3)]
    assert FetchedPartition(TP, three()[:-1], (), 0).empty


def test_times_of_appending_are_the_batchs() -> None:
    data = batch([record(0, time_delta=-5)], attributes=LOG_APPEND_TIME)
    assert [(one.timestamp, one.timestamp_type) for one in read(data)] == [(TIMESTAMP_MS, 1)]


def test_records_are_taken_in_portions() -> None:
    batches = FetchedPartition(TP, three(value=bytes(1000)) + three(base=3, value=bytes(1000)), (), 0)
    limits, sizes = TakeLimits(1500, 100, 5.0), []
    while not batches.exhausted:
        sizes.append(len(batches.take(limits)))
        assert batches.next_fetch_offset == min(6, sum(sizes))
    assert sizes == [2, 2, 2, 0]
    assert [one.offset for one in read(three(), limits=TakeLimits(2**30, 1, 5.0))] == [0, 1, 2]


@pytest.mark.parametrize("codec", CODECS)
def test_a_header_name_that_is_no_text_costs_its_own_record(codec: Codec) -> None:
    odd = [(b"ce_id", b"1"), (b"caf\xe9", b"2")]
    data = batch([record(0), record(1, b"k", b"odd", odd), record(2)], codec=codec)
    records = read(data)
    assert shown(records) == [(0, b"value"), (1, "BadHeaderName"), (2, b"value")]
    bad = records[1]
    assert isinstance(bad, Unreadable)
    assert (bad.key, bad.value, bad.next_offset, bad.timestamp) == (b"k", b"odd", 2, TIMESTAMP_MS)
    assert bad.headers == (("ce_id", b"1"), ("caf\\xe9", b"2"))
    assert bad.raw_headers == b"\x04\x0ace_id\x021\x08caf\xe9\x022"


@pytest.mark.parametrize("codec", CODECS)
def test_more_headers_than_anybody_needs_are_not_taken_apart(codec: Codec) -> None:
    data = batch([record(0, headers=[(b"", None)] * n) for n in (MOST_HEADERS, MOST_HEADERS + 1)][:1], codec=codec)
    assert len(read(data)[0].headers) == MOST_HEADERS
    many = batch([record(0), record(1, headers=[(b"", None)] * 400_000), record(2)], codec=codec)
    records = read(many)
    assert shown(records) == [(0, b"value"), (1, "TooManyHeaders"), (2, b"value")]
    assert isinstance(records[1], Unreadable)
    assert len(records[1].raw_headers or b"") == 800_003
    assert records[1].headers == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("header-name", [(0, b"v"), (1, "BadHeaderName"), (2, b"v")]),
        ("header-name-lz4", [(0, b"v"), (1, "BadHeaderName"), (2, b"v")]),
        ("twice-one-offset", [(0, b"v"), (1, "UnreadableBatch")]),
        *[(f"garbage-{codec}", [(0, "UnreadableBatch")]) for codec in ("gzip", "snappy", "lz4", "zstd")],
        ("unknown-codec", [(0, "UnreadableBatch")]),
        ("long-length", [(0, "UnreadableBatch")]),
        ("short-length", [(0, "UnreadableBatch")]),
        ("negative-length", [(0, "UnreadableBatch")]),
        ("many-headers", [(0, "TooManyHeaders")]),
        ("count-above", [(0, b"v"), (1, b"v"), (2, b"v")]),
        ("count-below", [(0, b"v"), (1, b"v"), (2, b"v")]),
        ("no-offsets-left", [(0, b"v"), (1, b"v")]),
    ],
)
def test_what_lies_costs_itself(name: str, expected: list[tuple[int, object]]) -> None:
    data = ODD[name](b"k", b"v", [(b"ce_id", b"1")])
    records = read(data)
    assert shown(records) == expected
    for one in records:
        if isinstance(one, Unreadable) and one.rejection.code == "UnreadableBatch":
            assert one.value == data
            assert one.next_offset == {"twice-one-offset": 3}.get(name, 1)


def test_every_odd_batch_is_covered_above() -> None:
    marks = test_what_lies_costs_itself.pytestmark  # type: ignore[attr-defined]  # pytest's own
    assert {name for name, _ in marks[0].args[1]} == set(ODD)


def test_a_record_that_is_bad_within_itself_costs_itself() -> None:
    bad = record(1, b"k", b"odd", header_count=3)
    data = batch([record(0), bad, record(2)])
    records = read(data)
    assert shown(records) == [(0, b"value"), (1, "UnreadableRecord"), (2, b"value")]
    assert records[1].value == bad[1:]
    last = batch([record(0), bad])
    assert shown(read(last)) == [(0, b"value"), (1, "UnreadableRecord")]


def test_what_does_not_match_its_checksum_is_doubted_before_it_is_given_up() -> None:
    damaged = bytearray(three(base=3))
    damaged[-2] ^= 1
    data = three() + bytes(damaged) + three(base=6)
    batches = FetchedPartition(TP, data, (), 0)
    assert shown(batches.take(ALL)) == [(n, b"v") for n in range(3)]
    assert (batches.exhausted, batches.checksum_failed, batches.next_fetch_offset) == (True, True, 3)
    records = read(bytes(damaged) + three(base=6), 3, corrupt_at=3)
    assert shown(records) == [(3, "UnreadableBatch"), *((n, b"v") for n in range(6, 9))]
    assert isinstance(records[0], Unreadable)
    assert (records[0].next_offset, records[0].value) == (6, bytes(damaged))


@pytest.mark.parametrize("last", [-7, 2**30, 1], ids=["before", "far beyond", "too few"])
def test_a_damaged_batch_that_lies_about_its_end_takes_nothing_from_the_next(last: int) -> None:
    damaged = batch([record(n) for n in range(3)], base_offset=3, last_delta=last, checksum=7)
    records = read(damaged + three(base=6), 3, corrupt_at=3)
    assert [one.offset for one in records] == [3, 6, 7, 8]
    assert isinstance(records[0], Unreadable)
    assert records[0].next_offset == 6
    [alone] = read(damaged, 3, corrupt_at=3)
    assert isinstance(alone, Unreadable)
    assert alone.next_offset == 4


@pytest.mark.parametrize("base", [0, 2, 5, 2**40], ids=["before", "overlapping", "later", "far"])
def test_a_batch_that_stands_where_it_cannot_is_one_letter(base: int) -> None:
    moved = batch([record(n) for n in range(3)], base_offset=base)  # not covered by the checksum
    records = read(three() + moved + three(base=6))
    assert [one.offset for one in records] == [0, 1, 2, 3, 6, 7, 8]
    assert isinstance(records[3], Unreadable)
    assert records[3].next_offset == 6


def test_an_unknown_format_is_one_letter() -> None:
    data = batch([record(0)], magic=5) + three(base=1)
    assert shown(read(data, corrupt_at=0)) == [(0, "UnreadableBatch"), *((n, b"v") for n in range(1, 4))]


def test_aborted_transactions_and_control_batches_are_no_records_even_if_they_are_garbage() -> None:
    producer = (77, 0, 0)
    aborted = batch([record(0)], attributes=TRANSACTIONAL, producer=producer, body=b"garbage", codec="lz4")
    committed = batch([record(0)], base_offset=2, attributes=TRANSACTIONAL, producer=producer)
    odd = batch([b"garbage"], base_offset=4, attributes=CONTROL)
    data = aborted + marker(1, (77, 0), committed=False) + committed + marker(3, (77, 0), committed=True) + odd
    assert shown(read(data + three(base=5), aborted=[(77, 0)])) == [(2, b"value"), *((n, b"v") for n in range(5, 8))]
    assert [one.offset for one in read(data + three(base=5), aborted=None)] == [0, 2, 5, 6, 7]
    batches = FetchedPartition(TP, data, [(77, 0)], 0)
    batches.take(ALL)
    assert batches.next_fetch_offset == 5


def test_a_damaged_end_of_a_transaction_is_no_record() -> None:
    damaged = bytearray(marker(3, (77, 0), committed=True))
    damaged[-1] ^= 1
    data = three() + damaged + three(base=4)
    assert [one.offset for one in read(bytes(damaged) + three(base=4), 3, corrupt_at=3)] == [4, 5, 6]
    assert FetchedPartition(TP, bytes(data), (), 0).take(ALL)[-1].offset == 2


@pytest.mark.parametrize("magic", [0, 1])
def test_records_of_old_formats_are_read(magic: int) -> None:
    data = message(4, b"k", b"v", magic=magic) + message(5, None, None, magic=magic) + three(base=6)
    records = read(data, 4)
    assert shown(records) == [(4, b"v"), (5, None), (6, b"v"), (7, b"v"), (8, b"v")]
    assert records[0].timestamp == (TIMESTAMP_MS if magic else -1)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4"])
def test_old_records_that_are_compressed_together_are_read_from_any_of_them(codec: Codec) -> None:
    data = message_set(12, [(b"k", bytes([n]) * 50) for n in range(3)], codec)
    assert shown(read(data, 10)) == [(n, bytes([n - 10]) * 50) for n in (10, 11, 12)]
    assert shown(read(data, 12)) == [(12, bytes([2]) * 50)]


def test_old_records_that_cannot_be_told_apart_are_one_letter() -> None:
    data = message(5, None, b"no gzip", attributes=1)
    records = read(data + three(base=6), 3)
    assert shown(records)[:1] == [(3, "UnreadableBatch")]
    assert [one.offset for one in records] == [3, 6, 7, 8]


def test_a_time_that_cannot_be_is_unknown() -> None:
    data = batch([record(0, time_delta=-(2**62), headers=[(b"\xff", None)])])
    assert read(data)[0].timestamp == -1


MUTATION = st.tuples(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(["set", "cut", "insert"]))


@given(st.lists(MUTATION, max_size=4), st.sampled_from(CODECS), st.booleans(), st.integers(0, 5))
@example([(0, 1, "cut"), (404, 6, "cut")], "lz4", True, 0)  # with a right checksum, it claims offsets of the next batch
def test_whatever_came_of_a_batch_each_offset_is_given_once_in_order(
    mutations: list[tuple[int, int, str]], codec: Codec, checked: bool, position: int
) -> None:
    data = bytearray(batch([record(n, headers=[(b"ce_id", b"1")]) for n in range(6)], codec=codec))
    for at, byte, how in mutations:
        place = 21 + at % (len(data) - 21)  # the bytes before are not covered by the checksum
        if how == "set":
            data[place] = byte
        elif how == "insert":
            data[place:place] = bytes([byte])
        else:
            del data[place : place + byte % 8]
    data[8:12] = struct.pack(">i", len(data) - 12)
    if len(data) < 61:
        return
    if checked:
        data[17:21] = struct.pack(">I", crc32c(bytes(data[21:])))
    tracemalloc.start()
    batches = FetchedPartition(TP, bytes(data) + three(base=6), None, position, corrupt_at=position)
    try:
        records = []
        while not batches.exhausted:
            records += batches.take(ALL)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20
    offset = position
    for one in records:
        assert one.offset >= offset
        offset = one.next_offset if isinstance(one, Unreadable) else one.offset + 1
    assert offset <= batches.next_fetch_offset
    claims_next = checked and header_of(memoryview(bytes(data))).last_offset >= 6
    assert [one.offset for one in records[-3:]] == [6, 7, 8] or batches.checksum_failed or claims_next


@given(st.binary(max_size=300))
def test_bytes_at_random_end(data: bytes) -> None:
    batches = FetchedPartition(TP, data, (), 0, corrupt_at=0)
    while not batches.exhausted:
        batches.take(ALL)
