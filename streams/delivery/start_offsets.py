"""Start offsets of partitions: the committed offsets, checked against the bounds of the logs."""

from collections.abc import Mapping
from typing import NamedTuple

from aiokafka.structs import OffsetAndMetadata

from schemas.record import TopicPartition
from streams.delivery.transactions import Committed, generation_of_writer, is_marked_beyond_log
from streams.kafka.protocol.list_offsets import Bounds


class OffsetBeyondLogError(RuntimeError):
    """A worker committed an offset beyond the end of the log: the log lost records, or it is another log.

    Only an operator can know which of the log's records have results. The worker ends.

    Args:
        message: What is wrong, and what to do.
        offsets: The committed offsets beyond the end.
    """

    def __init__(self, message: str, offsets: Mapping[TopicPartition, int]) -> None:
        super().__init__(message)
        self.offsets = offsets


class StartOffset(NamedTuple):
    """Where processing of a partition starts.

    Attributes:
        offset: Offset of the first record to process.
        expired: Offsets from the committed one on that the log no longer has: their records were never processed.
        beyond: Offsets by which the committed offset lies beyond the end of the log.
    """

    offset: int
    expired: int = 0
    beyond: int = 0


def is_beyond(committed: OffsetAndMetadata | None, bounds: Bounds | None) -> bool:
    """Whether a committed offset lies beyond the end of the log. It may seem so briefly after a change of leader."""
    return committed is not None and bounds is not None and committed.offset > bounds.end


def start_offsets(
    committed: Committed, bounds: Mapping[TopicPartition, Bounds | None]
) -> dict[TopicPartition, StartOffset]:
    """Choose the start offset of each partition so that no record of its log is skipped.

    An offset beyond the end of the log that no worker committed was set by a tool, or copied from another cluster: it
    does not refer to this log, which is read from its start. If a worker committed it, the log has lost records:
    continuing at its start would process records twice, and continuing at its end would skip those written since. The
    offset is marked, because the log may grow beyond it.

    Args:
        committed: The committed offset of each partition that has one.
        bounds: The bounds of each partition's log; None when they could not be read. An offset out of range is
            detected by the fetch then.

    Raises:
        OffsetBeyondLogError: When a worker committed an offset that is beyond the end of its log, or was marked so.
    """
    lost = {tp: known.offset for tp, known in committed.items() if _is_lost(known, bounds[tp])}
    if lost:
        raise OffsetBeyondLogError(_message(lost), lost)
    return {tp: _start_offset(committed.get(tp), found) for tp, found in bounds.items()}


def _is_lost(committed: OffsetAndMetadata, bounds: Bounds | None) -> bool:
    by_a_worker = generation_of_writer(committed.metadata) is not None
    return by_a_worker and (is_marked_beyond_log(committed.metadata) or is_beyond(committed, bounds))


def _start_offset(committed: OffsetAndMetadata | None, bounds: Bounds | None) -> StartOffset:
    if bounds is None:
        return StartOffset(committed.offset if committed else 0)
    if committed is None:
        return StartOffset(bounds.start)
    if is_beyond(committed, bounds):
        return StartOffset(bounds.start, beyond=committed.offset - bounds.end)
    return StartOffset(max(committed.offset, bounds.start), expired=max(0, bounds.start - committed.offset))


def _message(lost: Mapping[TopicPartition, int]) -> str:
    partitions = ", ".join(f"{tp.topic}-{tp.partition} up to {offset}" for tp, offset in lost.items())
    return (
        f"records are answered beyond the end of their log ({partitions}): the log has lost records, or is another one."
        " Stop all workers, then say where to go on with kafka-consumer-groups --reset-offsets, at the log's start if"
        " nothing of it is answered (docs/TROUBLESHOOTING.md)"
    )
