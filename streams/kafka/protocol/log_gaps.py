"""Gaps in a broker's log: offsets at which it returns nothing, because the log is corrupt and batches are not found."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CorruptRecordException, NoError, UnknownError, for_code
from aiokafka.protocol.fetch import FetchRequest

from schemas import Rejection
from streams.kafka.protocol.fetched_partition import TakeLimits
from streams.kafka.protocol.record_batch import header_of, split
from streams.kafka.protocol.unreadable import unreadable

#: A broker's errors for a log that it cannot read. Others are temporary, or handled elsewhere.
LOG_ERRORS = (CorruptRecordException, UnknownError)
#: Limit of a fetch; a broker sends the first batch whole even if it is larger.
_FETCH_BYTES = 4096
_FETCH_MAX_WAIT_MS = 100


class Gap:
    """Replaces a `FetchedPartition` where nothing can be fetched.

    Args:
        tp: The partition.
        first: The first offset of the gap.
        end: The first readable offset after the gap.
        reason: The broker's error.
    """

    checksum_failed = False

    def __init__(self, tp: TopicPartition, first: int, end: int, reason: str) -> None:
        self._tp = tp
        self._end = end
        self._reason = reason
        self.next_fetch_offset = first
        self.exhausted = False
        self.taken_bytes = 0

    def take(self, _: TakeLimits) -> list[ConsumerRecord]:
        """Return one `Unreadable` for the whole gap."""
        first, self.next_fetch_offset, self.exhausted = self.next_fetch_offset, self._end, True
        reason = f"cannot be had from its leader, nor can those that follow, before {self._end}: {self._reason}"
        rejection = Rejection("record", "LostOffsets", "offset", reason)
        return [unreadable(self._tp, first, rejection, next_offset=self._end)]


async def end_of_gap(
    client: AIOKafkaClient, node: int, tp: TopicPartition, isolation: int, *, position: int, end: int
) -> int | None:
    """Find the first readable offset after a gap in a broker's log.

    Args:
        client: A connected client.
        node: Node id of the partition's leader.
        tp: The partition.
        isolation: Kafka's number of the isolation level.
        position: The first offset of the gap.
        end: The end offset for the isolation level.

    Returns:
        The offset; None when there is none before the end, or when the position is readable now.

    Raises:
        aiokafka.errors.KafkaError: If the broker does not answer.
    """

    async def first_from(offset: int) -> int | None:
        wanted = [(tp.topic, [(tp.partition, offset, _FETCH_BYTES)])]
        request = FetchRequest(_FETCH_MAX_WAIT_MS, 1, _FETCH_BYTES, isolation, wanted, rack_id="")
        return _first(await client.send(node, request))

    found = await first_readable(first_from, position, end)
    return None if found is None or await first_from(position) is not None else found


async def first_readable(first_from: Callable[[int], Awaitable[int | None]], position: int, end: int) -> int | None:
    """Find the lowest readable offset after an unreadable one, by galloping and then binary search.

    Args:
        first_from: Returns the first offset of the batch that a fetch from an offset gives; None when it gives none.
        position: An unreadable offset.
        end: The end of the search, exclusive.

    Returns:
        The offset; None when nothing before the end is readable.
    """
    below, above, step = position, position, 1
    found: int | None = None
    while found is None:
        below, above = above, min(above + step, end - 1)
        if above <= below:
            return None
        found, step = await first_from(above), 2 * step
    while above - below > 1:
        middle = (below + above) // 2
        at_middle = await first_from(middle)
        if at_middle is None:
            below = middle
        else:
            above, found = middle, at_middle
    return max(found, above)


def _first(response: Any) -> int | None:  # noqa: ANN401  aiokafka has no types
    """Offset of the first batch in a response; None without a batch, or with one of `LOG_ERRORS`.

    Raises:
        aiokafka.errors.KafkaError: For any other error.
    """
    [(_, [(_, code, _, *rest)])] = response.topics
    error = for_code(code)
    if error in LOG_ERRORS:
        return None
    if error is not NoError:
        raise error
    batch = next(split(rest[-1]), None)
    return None if batch is None else header_of(batch).base_offset
