"""Errors for batches that brokers refuse, and the operator's message: which topic, which inputs, why, what to do."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, for_code


class RefusedBatchError(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """A broker refuses a batch, and would refuse it again.

    Args:
        partition: The batch's partition.
        code: Kafka's error code.
        detail: The broker's error message, may be empty.
    """

    def __init__(self, partition: TopicPartition, code: int, detail: str) -> None:
        super().__init__(partition, code, detail)
        self.partition = partition
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.partition.topic}-{self.partition.partition} does not take a batch: {_name(self.code)}"


class OutcomeRefusedError(Exception):
    """A topic does not accept an outcome. The message says what to change; then start the worker again.

    Nothing is lost: the transaction is not committed, and its inputs are read again.
    """


class _Advice(NamedTuple):
    name: str
    text: str


_CHECK = "./scripts/topics check says what differs from schemas/topics.yaml, and what sets it right"
_ADVICE = {
    3: _Advice(
        "UNKNOWN_TOPIC_OR_PARTITION", "the topic or the partition is gone; ./scripts/topics apply creates it anew"
    ),
    10: _Advice("MESSAGE_TOO_LARGE", f"the topic's max.message.bytes is too small; {_CHECK}"),
    29: _Advice("TOPIC_AUTHORIZATION_FAILED", "the worker's user may not write there; allow it DESCRIBE and WRITE"),
    32: _Advice("INVALID_TIMESTAMP", f"its message.timestamp.type has to be LogAppendTime; {_CHECK}"),
    44: _Advice("POLICY_VIOLATION", "a policy of the brokers forbids it; their logs say which"),
    87: _Advice(
        "INVALID_RECORD", f"a compacted topic takes no record without a key, and ours are not compacted; {_CHECK}"
    ),
}


def refusal_message(error: RefusedBatchError, inputs: Sequence[str]) -> str:
    """Format one line for the operator.

    Args:
        error: The refused batch.
        inputs: Offset ranges of the inputs whose outcomes may be in the batch.
    """
    topic, partition = error.partition
    said = f" ({error.detail})" if error.detail else ""
    advice = f"; {_ADVICE[error.code].text}" if error.code in _ADVICE else ""
    whose = f" of {', '.join(inputs)}" if inputs else ""
    return f"{topic}-{partition} does not take the outcomes{whose}: {_name(error.code)}{said}{advice}"


def _name(code: int) -> str:
    known: str = _ADVICE[code].name if code in _ADVICE else for_code(code).__name__
    return known
