"""Kafka's error codes as a transactional writer treats them: retriable, fatal, or fenced by another producer."""

from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.errors import (
    ConcurrentTransactions,
    DuplicateSequenceNumber,
    KafkaError,
    NoError,
    ProducerFenced,
    for_code,
)

from streams.kafka.produce_errors import RefusedBatchError
from streams.kafka.protocol.produce import PartitionResult

_REPLACED = (
    "another process has this worker's member id: it was started again elsewhere, or from a copy of its"
    " AUDIO_STATE_DIR; if it happens again, remove member-id from one of the directories"
)
_GONE_ON = "its group has gone on without it: it was frozen or cut off for longer than the session timeout"
_FENCED = {
    22: f"ILLEGAL_GENERATION; {_GONE_ON}",
    25: f"UNKNOWN_MEMBER_ID; {_GONE_ON}, or {_REPLACED}",
    47: f"INVALID_PRODUCER_EPOCH; a transaction took longer than it may, or {_REPLACED}",
    82: f"FENCED_INSTANCE_ID; {_REPLACED}",
    90: f"PRODUCER_FENCED; a transaction took longer than it may, or {_REPLACED}",
}
#: A duplicate was written before, by a request whose response was lost.
_SUCCESS = (NoError, DuplicateSequenceNumber)


def produce_error(partition: TopicPartition, result: PartitionResult) -> KafkaError | None:
    """Return the retriable error of a batch; None when the batch was written.

    Raises:
        ProducerFenced: If another producer started under the writer's transactional id.
        RefusedBatchError: If a retry would fail as well.
    """
    try:
        retriable = retriable_errors([result.code])
    except ProducerFenced:
        raise
    except KafkaError:
        raise RefusedBatchError(partition, result.code, result.detail) from None
    return retriable[0] if retriable else None


def retriable_errors(codes: Iterable[int]) -> list[KafkaError]:
    """Return the errors after which a request may be sent again.

    Raises:
        ProducerFenced: If another producer or a new generation of the group has replaced the writer.
        KafkaError: For any other error.
    """
    retriable = []
    for code in codes:
        if code in _FENCED:
            raise ProducerFenced(f"Kafka no longer knows this writer: {_FENCED[code]}")
        known = for_code(code)
        if known in _SUCCESS:
            continue
        if not (known.retriable or known is ConcurrentTransactions):
            raise known(f"error code {code}")
        retriable.append(known())
    return retriable
