"""Where partitions begin: their committed offsets, held against what their logs still have."""

from collections.abc import Mapping
from typing import NamedTuple

from aiokafka.structs import OffsetAndMetadata

from schemas.record import TopicPartition
from streams.delivery.transactions import Committed, generation_of_writer, is_marked_beyond_log
from streams.kafka.protocol.list_offsets import Bounds


class OffsetBeyondLogError(RuntimeError):
    """A worker has answered records beyond the end of the log: the log has lost some, or is another one.

    Which of the records that it has now are answered, only an operator can know. The worker ends.

    Args:
        message: What is wrong, and what to do.
        offsets: The committed offsets in question.
    """

    def __init__(self, message: str, offsets: Mapping[TopicPartition, int]) -> None:
        super().__init__(message)
        self.offsets = offsets


class Beginning(NamedTuple):
    """Where a partition begins.

    Attributes:
        offset: Of the first record to answer.
        expired: Offsets behind the committed one that the log no longer has: nobody has answered them.
        beyond: Offsets by which the committed one lay beyond the log's end.
    """

    offset: int
    expired: int = 0
    beyond: int = 0


def is_beyond(committed: OffsetAndMetadata | None, bounds: Bounds | None) -> bool:
    """Whether a committed offset lies beyond the log's end. A leader that has just changed may say so for a moment."""
    return committed is not None and bounds is not None and committed.offset > bounds.end


def beginnings(committed: Committed, bounds: Mapping[TopicPartition, Bounds | None]) -> dict[TopicPartition, Beginning]:
    """Decide where partitions begin, so that no record of their logs is left out.

    An offset beyond the log's end that no worker has committed was set by something else, or copied from another
    cluster: it says nothing about this log, which is read from its start. One that a worker has committed says that
    the log has lost records; going on from its start would answer again what is answered, and going on from its end
    would leave out what has come since. It is marked so, because the log may grow beyond it.

    Args:
        committed: The committed offsets of those partitions that have one.
        bounds: Of every partition's log; None where they could not be had. A fetch that is out of range is noticed
            later.

    Raises:
        OffsetBeyondLogError: When a worker has committed an offset beyond a log's end, now or when it was marked.
    """
    lost = {tp: known.offset for tp, known in committed.items() if _is_lost(known, bounds[tp])}
    if lost:
        raise OffsetBeyondLogError(_message(lost), lost)
    return {tp: _beginning(committed.get(tp), found) for tp, found in bounds.items()}


def _is_lost(committed: OffsetAndMetadata, bounds: Bounds | None) -> bool:
    by_a_worker = generation_of_writer(committed.metadata) is not None
    return by_a_worker and (is_marked_beyond_log(committed.metadata) or is_beyond(committed, bounds))


def _beginning(committed: OffsetAndMetadata | None, bounds: Bounds | None) -> Beginning:
    if bounds is None:
        return Beginning(committed.offset if committed else 0)
    if committed is None:
        return Beginning(bounds.start)
    if is_beyond(committed, bounds):
        return Beginning(bounds.start, beyond=committed.offset - bounds.end)
    return Beginning(max(committed.offset, bounds.start), expired=max(0, bounds.start - committed.offset))


def _message(lost: Mapping[TopicPartition, int]) -> str:
    partitions = ", ".join(f"{tp.topic}-{tp.partition} up to {offset}" for tp, offset in lost.items())
    return (
        f"records are answered beyond the end of their log ({partitions}): the log has lost records, or is another one."
        " Stop all workers, then say where to go on with kafka-consumer-groups --reset-offsets, at the log's start if"
        " nothing of it is answered (docs/TROUBLESHOOTING.md)"
    )
