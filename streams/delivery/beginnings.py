"""Where a partition begins: its committed offset, held against what its log still has."""

from typing import NamedTuple

from aiokafka.structs import OffsetAndMetadata

from streams.delivery.outcome import Source
from streams.delivery.transactions import written_in
from streams.protocol.list_offsets import Bounds


class OffsetBeyondLogError(RuntimeError):
    """A worker has answered records beyond the end of the log: the log has lost some, or is another one.

    Which of the records that it has now are answered, only an operator can know. The worker ends.
    """


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


def beginning(source: Source, committed: OffsetAndMetadata | None, bounds: Bounds | None) -> Beginning:
    """Decide where a partition begins, so that no record of its log is left out.

    An offset beyond the log's end that no worker has committed was set by something else, or copied from another
    cluster: it says nothing about this log, which is read from its start. One that a worker has committed says that
    the log has lost records; going on from its start would answer again what is answered, and going on from its end
    would leave out what has come since.

    Args:
        source: The partition.
        committed: Its committed offset, None where there is none.
        bounds: Of its log; None when they could not be had. A fetch that is out of range is noticed later.

    Raises:
        OffsetBeyondLogError: When a worker has committed an offset beyond the log's end.
    """
    if bounds is None:
        return Beginning(committed.offset if committed else 0)
    if committed is None:
        return Beginning(bounds.start)
    if not is_beyond(committed, bounds):
        return Beginning(max(committed.offset, bounds.start), expired=max(0, bounds.start - committed.offset))
    if written_in(committed.metadata) is not None:
        raise OffsetBeyondLogError(_message(source, committed.offset, bounds))
    return Beginning(bounds.start, beyond=committed.offset - bounds.end)


def _message(source: Source, offset: int, bounds: Bounds) -> str:
    return (
        f"records of {source.topic}-{source.partition} are answered up to offset {offset}, and its log ends at"
        f" {bounds.end}: it has lost records, or is another one. Stop all workers, then reset the group's offset of"
        f" this partition with kafka-consumer-groups: --to-offset {bounds.start} if nothing of this log is answered,"
        " or to where it lost its last records (docs/TROUBLESHOOTING.md)"
    )
