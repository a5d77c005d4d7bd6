"""Memory held for records that are small only when compressed: a bounded amount, and a part of the largest ones."""

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from aiokafka import TopicPartition

from schemas import Cut
from streams.kafka.protocol.fetched_partition import FetchedPartition, TakeLimits
from streams.kafka.protocol.unreadable import Unreadable
from tests.support.odd_batches import Codec, batch, record

TP = TopicPartition("audio.raw", 3)
MIB = 2**20
LIMITS = TakeLimits(4 * MIB, 1000, 5.0)
STREAMED: tuple[Codec, ...] = ("gzip", "snappy", "lz4", "zstd")
#: Pieces of decompression, the parser's copies and one record of the largest size.
ROOM = 6 * MIB


@contextmanager
def held(most: int) -> Iterator[None]:
    """Check that no more bytes are held at the same time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", STREAMED)
def test_a_record_that_no_letter_can_hold_costs_itself_and_is_never_held(codec: Codec) -> None:
    value = b"\7" * (12 * MIB)
    large = record(1, b"call", value, [(b"ce_id", b"5")])
    data = batch([record(0), large, record(2)], codec=codec)
    batches, found = FetchedPartition(TP, data, (), 0), []
    del large
    with held(ROOM):
        while not batches.exhausted:
            found += batches.take(LIMITS)
    assert [one.offset for one in found] == [0, 1, 2]
    cut = found[1]
    assert isinstance(cut, Unreadable)
    assert cut.rejection.code == "RecordTooLarge"
    assert (cut.key, cut.value, cut.headers) == (b"call", value[: 64 * 1024], (("ce_id", b"5"),))
    assert cut.cut == Cut(value_bytes=12 * MIB, value_sha256=hashlib.sha256(value).hexdigest())
    assert cut.next_offset == 2


def test_a_large_key_and_large_headers_are_cut_as_well() -> None:
    large = record(0, bytes(11 * MIB), None, [(b"n", bytes(100_000)), (b"m", None)])
    [cut] = FetchedPartition(TP, batch([large], codec="zstd"), (), 0).take(LIMITS)
    assert isinstance(cut, Unreadable)
    assert (len(cut.key or b""), cut.value, cut.headers) == (64 * 1024, None, ())
    assert cut.cut == Cut(key_bytes=11 * MIB, header_count=2)


@pytest.mark.parametrize("codec", STREAMED)
def test_many_large_records_are_held_one_at_a_time(codec: Codec) -> None:
    data = batch([record(n, b"k", bytes(8 * MIB)) for n in range(12)], codec=codec)
    batches, sizes = FetchedPartition(TP, data, (), 0), []
    with held(3 * 8 * MIB + ROOM):  # an encoded record, its value, and the record before
        while not batches.exhausted:
            taken = batches.take(LIMITS)
            sizes.append(len(taken))
            del taken
    assert sizes == [1] * 12 + [0]


def test_what_snappy_cannot_expand_in_parts_is_not_expanded() -> None:
    data = batch([record(n, b"k", bytes(8 * MIB)) for n in range(5)], codec="raw-snappy")
    with held(ROOM):
        [refused] = FetchedPartition(TP, data, (), 0).take(LIMITS)
    assert isinstance(refused, Unreadable)
    assert "expands to" in refused.rejection.reason
    assert refused.next_offset == 5


def test_headers_count_in_a_portion() -> None:
    headers = [(b"name", bytes(MIB))] * 3
    data = batch([record(n, b"k", b"", headers) for n in range(6)], codec="zstd")
    batches = FetchedPartition(TP, data, (), 0)
    assert [len(batches.take(LIMITS)) for _ in range(4)] == [2, 2, 2, 0]


def test_millions_of_headers_are_not_taken_apart() -> None:
    many = record(0, b"k", b"v", [(b"", None)] * (4 * MIB))
    data = batch([many], codec="gzip")
    del many
    with held(4 * 8 * MIB + ROOM):
        [refused] = FetchedPartition(TP, data, (), 0).take(LIMITS)
    assert isinstance(refused, Unreadable)
    assert refused.rejection.code == "TooManyHeaders"


@pytest.mark.parametrize("make", [lambda: record(0, b"k", bytes(100 * MIB)), lambda: record(0, bytes(100 * MIB), b"v")])
def test_a_consumer_gets_its_turn_while_a_record_is_passed_over(make: Callable[[], bytes]) -> None:
    batches = FetchedPartition(TP, batch([make()], codec="zstd"), (), 0)
    limits, pauses, found = TakeLimits(4 * MIB, 1000, 0.0), 0, []
    while not batches.exhausted:
        taken = batches.take(limits)
        pauses += not taken
        found += taken
    assert [one.rejection.code for one in found if isinstance(one, Unreadable)] == ["RecordTooLarge"]
    assert pauses > 20


def test_a_consumer_gets_its_turn_on_the_way_to_where_it_was_left() -> None:
    data = batch([record(n, b"k", bytes(2 * MIB)) for n in range(10)], codec="zstd")
    batches = FetchedPartition(TP, data, (), 8)
    takes = []
    while not batches.exhausted:
        takes.append(len(batches.take(TakeLimits(4 * MIB, 1000, 0.0))))
    assert sum(takes) == 2
    assert takes[:8] == [0] * 8
