"""Start offsets: no record is processed twice, and none is skipped."""

import pytest
from aiokafka.structs import OffsetAndMetadata

from schemas.record import TopicPartition
from streams.delivery.start_offsets import OffsetBeyondLogError, StartOffset, start_offsets
from streams.delivery.transactions import BEYOND_LOG
from streams.kafka.protocol.list_offsets import Bounds

INPUT, ANOTHER = TopicPartition("audio.raw", 3), TopicPartition("audio.raw", 4)
BY_A_WORKER = "7-0123456789abcdef"


@pytest.mark.parametrize(
    ("offset", "bounds", "expected"),
    [
        (None, Bounds(0, 9), StartOffset(0)),
        (None, Bounds(5, 9), StartOffset(5)),
        (5, Bounds(0, 9), StartOffset(5)),
        (0, Bounds(0, 0), StartOffset(0)),
        (9, Bounds(9, 9), StartOffset(9)),
        (3, Bounds(5, 9), StartOffset(5, expired=2)),
        (0, Bounds(5, 5), StartOffset(5, expired=5)),
        (3, None, StartOffset(3)),
        (None, None, StartOffset(0)),
    ],
)
def test_a_partition_begins_at_its_committed_offset_or_where_the_log_does(
    offset: int | None, bounds: Bounds | None, expected: StartOffset
) -> None:
    committed = {} if offset is None else {INPUT: OffsetAndMetadata(offset, BY_A_WORKER)}
    assert start_offsets(committed, {INPUT: bounds}) == {INPUT: expected}


@pytest.mark.parametrize("note", ["", "moved by an operator", "7-", "mirror-7"])
def test_an_offset_beyond_the_end_that_no_worker_committed_says_nothing_of_this_log(note: str) -> None:
    committed = {INPUT: OffsetAndMetadata(5000, note)}
    assert start_offsets(committed, {INPUT: Bounds(20, 1040)}) == {INPUT: StartOffset(20, beyond=3960)}


@pytest.mark.parametrize(
    ("note", "bounds"),
    [
        (BY_A_WORKER, Bounds(20, 1040)),
        (BY_A_WORKER + BEYOND_LOG, Bounds(20, 1040)),
        (BY_A_WORKER + BEYOND_LOG, Bounds(20, 9999)),
        (BY_A_WORKER + BEYOND_LOG, None),
    ],
    ids=["found now", "found before", "the log has grown since", "its leader does not answer"],
)
def test_a_log_that_has_lost_what_was_answered_ends_the_worker_and_says_what_to_do(
    note: str, bounds: Bounds | None
) -> None:
    committed = {INPUT: OffsetAndMetadata(5000, note), ANOTHER: OffsetAndMetadata(1, BY_A_WORKER)}
    with pytest.raises(OffsetBeyondLogError) as raised:
        start_offsets(committed, {INPUT: bounds, ANOTHER: Bounds(0, 9)})
    assert raised.value.offsets == {INPUT: 5000}
    for part in ("audio.raw-3 up to 5000", "Stop all workers", "--reset-offsets"):
        assert part in str(raised.value)
