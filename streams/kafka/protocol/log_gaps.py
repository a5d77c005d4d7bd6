"""Offsets of which a broker gives nothing: where its log is broken so that it cannot find the batches themselves."""

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

#: What a broker says of a log that it cannot read. Whatever else it says passes, or is for others to decide.
LOG_ERRORS = (CorruptRecordException, UnknownError)
#: A broker sends the first batch whole, however large.
_FETCH_BYTES = 4096
_FETCH_MAX_WAIT_MS = 100


class Gap:
    """Stands in the place of a `FetchedPartition` where there is nothing to fetch.

    Args:
        tp: The partition.
        first: The first offset that cannot be had.
        end: The first offset behind them that can.
        reason: What the broker says.
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
        """Give one `Unreadable` for all of them."""
        first, self.next_fetch_offset, self.exhausted = self.next_fetch_offset, self._end, True
        reason = f"cannot be had from its leader, nor can those that follow, before {self._end}: {self._reason}"
        rejection = Rejection("record", "LostOffsets", "offset", reason)
        return [unreadable(self._tp, first, rejection, next_offset=self._end)]


async def end_of_gap(
    client: AIOKafkaClient, node: int, tp: TopicPartition, isolation: int, *, position: int, end: int
) -> int | None:
    """Look for the first offset behind a position of which a broker gives records.

    Args:
        client: Connected to it.
        node: The partition's leader.
        tp: The partition.
        isolation: Which records are wanted, as Kafka numbers it.
        position: An offset of which it gives none.
        end: The first offset that may not be read yet.

    Returns:
        The offset; None where there is none before the end, or where the position can be read now.

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
    """Find the lowest offset that can be read behind one that cannot, in steps that grow and then shrink.

    Args:
        first_from: Gives the first offset of what is read from an offset on; None where nothing is.
        position: Cannot be read.
        end: Looked for before it.

    Returns:
        The offset; None where nothing before the end can be read.
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
    """Offset of the first batch in an answer; None where there is none, or an error.

    Raises:
        aiokafka.errors.KafkaError: If it is not about what the log holds.
    """
    [(_, [(_, code, _, *rest)])] = response.topics
    error = for_code(code)
    if error in LOG_ERRORS:
        return None
    if error is not NoError:
        raise error
    batch = next(split(rest[-1]), None)
    return None if batch is None else header_of(batch).base_offset
