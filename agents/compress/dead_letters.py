"""What becomes of inputs without a result, live or recorded: dead letters, or nothing where nobody may open them."""

from dataclasses import dataclass
from typing import Any

from schemas import Rejection
from schemas.raw_audio import in_senders_terms
from schemas.topics import DEAD_LETTER, topic
from streams.delivery.outcome import InputRecord, Outcome, Output
from streams.runtime.sealing import GONE

#: Bytes that a seal adds to a record, at most.
SEAL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Gone:
    """The report on a sealed input that was erased or has expired: it is read, and nothing is written.

    Attributes:
        rejection: Which of the two.
    """

    rejection: Rejection


class DeadLetters:
    """Makes the outcomes of refused inputs.

    Args:
        name: Real name of the topic for dead letters.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        # The worker checks the topic when it starts.
        self._max_bytes = topic(DEAD_LETTER).max_message_bytes - SEAL_BYTES

    def outcome(self, record: InputRecord, rejection: Rejection) -> Outcome[Any]:
        """Make the dead letter: the original and the reason, cut only where it exceeds the topic's record size."""
        if rejection.code in GONE:
            return Outcome((), Gone(rejection))
        if rejection.stage in {"fetch", "decode", "compress"}:
            rejection = in_senders_terms(record.content, rejection)
        letter = record.letter(rejection).fitted(self._max_bytes)
        return Outcome((Output(self._name, letter.to_record()),), rejection)
