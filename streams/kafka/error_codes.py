"""Kafka's error codes as a writer takes them: passing, or for good, or a sign that another one has taken over."""

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
#: A duplicate was written before, by a request whose answer was lost.
_FINE = (NoError, DuplicateSequenceNumber)


def produce_error(partition: TopicPartition, result: PartitionResult) -> KafkaError | None:
    """Why a batch was not taken this time; None if it was.

    Raises:
        ProducerFenced: If another one has started under the writer's id.
        RefusedBatchError: If it will not be taken next time either.
    """
    try:
        passing = retriable_errors([result.code])
    except ProducerFenced:
        raise
    except KafkaError:
        raise RefusedBatchError(partition, result.code, result.detail) from None
    return passing[0] if passing else None


def retriable_errors(codes: Iterable[int]) -> list[KafkaError]:
    """Those that go away by themselves.

    Raises:
        KafkaError: Any other error.
    """
    passing = []
    for code in codes:
        if code in _FENCED:
            raise ProducerFenced(f"Kafka no longer knows this writer: {_FENCED[code]}")
        known = for_code(code)
        if known in _FINE:
            continue
        if not (known.retriable or known is ConcurrentTransactions):
            raise known(f"error code {code}")
        passing.append(known())
    return passing
