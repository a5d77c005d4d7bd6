"""Dead letters of refused inputs, live or recorded."""

from typing import Any

from schemas import Rejection
from schemas.raw_audio import in_senders_terms
from schemas.topics import DEAD_LETTER, topic
from streams.delivery.outcome import InputRecord, Outcome, Output


class DeadLetters:
    """Makes the outcomes of refused inputs.

    Args:
        name: Real name of the topic for dead letters.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._max_bytes = topic(DEAD_LETTER).max_message_bytes  # the worker checks the topic when it starts

    def outcome(self, record: InputRecord, rejection: Rejection) -> Outcome[Any]:
        """Make the dead letter: the original and the reason, cut only where it exceeds the topic's record size."""
        if rejection.stage in {"fetch", "decode", "compress"}:
            rejection = in_senders_terms(record.content, rejection)
        letter = record.letter(rejection).fitted(self._max_bytes)
        return Outcome((Output(self._name, letter.to_record()),), rejection)
