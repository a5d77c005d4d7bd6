"""Input records, their outcomes, and the interfaces of what processes them and stores their state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from schemas import Cut, DeadLetter, Position, Record, Rejection
from schemas.dead_letter import NOTHING_CUT
from streams.delivery.recording_control import RecordingControl
from streams.security.sealing.data_key import DataKey

#: Reads one key of a partition's state table; safe to call from any thread.
Lookup = Callable[[bytes], bytes | None]
#: What an agent reports about a result.
ReportT = TypeVar("ReportT")

_OVERHEAD_BYTES = 8192  # a small result with its headers, and the Python objects of input and result


class Damage(NamedTuple):
    """Why an input record cannot be read.

    Attributes:
        rejection: The reason for the dead letter.
        next_offset: The first offset after it. One unreadable input may cover several offsets.
        raw_headers: Its headers as bytes, where they cannot all be given as names and values.
        cut: Which parts of the record are incomplete.
    """

    rejection: Rejection
    next_offset: int
    raw_headers: bytes | None = None
    cut: Cut = NOTHING_CUT


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One record of an input topic, readable or not.

    Attributes:
        position: Its topic, partition and offset; the first offset where it covers several.
        content: Key, value, headers and timestamp, as far as they can be read.
        damage: Why it cannot be read; None for a readable record.
    """

    position: Position
    content: Record
    damage: Damage | None = None

    @property
    def next_offset(self) -> int:
        """The first offset after it."""
        return self.position.offset + 1 if self.damage is None else self.damage.next_offset

    @property
    def call(self) -> str:
        """The call that its key names, as text for logs."""
        return (self.content.key or b"").decode("utf-8", "replace")

    def letter(self, rejection: Rejection) -> DeadLetter:
        """Make the dead letter of this input."""
        if self.damage is None:
            return DeadLetter(self.content, self.position, rejection)
        last = self.next_offset - 1
        return DeadLetter(
            self.content,
            self.position,
            rejection,
            self.damage.cut,
            last_offset=last if last > self.position.offset else None,
            raw_headers=self.damage.raw_headers,
        )

    @property
    def size(self) -> int:
        """Bytes that it counts for while in flight: key, value, headers, and an overhead so that small ones count."""
        content, damage = self.content, self.damage
        headers = sum([len(name) + len(value or b"") for name, value in content.headers])
        raw = 0 if damage is None or damage.raw_headers is None else len(damage.raw_headers)
        return len(content.key or b"") + len(content.value or b"") + headers + raw + _OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Output:
    """One record to write; it goes to the same partition number as its input."""

    topic: str
    record: Record


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ReportT]):
    """What one input record became; one transaction writes all of it or nothing.

    Attributes:
        outputs: Records for output topics, dead letters included.
        report: What the agent's `Processor.delivered` gets to log and count: its report on the result, or why the input
            was refused.
        table_updates: Keys and values for the state table. Their changelog is outside the transaction, so each value
            must be a pure function of its key's content: writing it twice changes nothing.
        key: The data key by which an object is sealed already that an output refers to; None where there is none.
        sealing: Makes the outcome again for a hotel that demands sealing by now: with an object sealed under a key, and
            nothing for the table. It runs in a thread, and raises `StoreUnavailableError`. None where nothing beside
            the outputs would stay in clear.
    """

    outputs: tuple[Output, ...]
    report: ReportT | Rejection
    table_updates: tuple[tuple[bytes, bytes], ...] = ()
    key: DataKey | None = None
    sealing: "Callable[[DataKey], Outcome[ReportT]] | None" = None

    @property
    def rejection(self) -> Rejection | None:
        """Why the input was refused; None for a result."""
        return self.report if isinstance(self.report, Rejection) else None

    @property
    def output_bytes(self) -> int:
        """Bytes of all outputs' values."""
        return sum(len(output.record.value or b"") for output in self.outputs)


class OutcomeHandler(Protocol[ReportT]):
    """What an agent does with every outcome, of live inputs and of recordings."""

    def reject(self, record: InputRecord, rejection: Rejection) -> Outcome[ReportT]:
        """Make the dead letter for an input that could not be processed."""

    def delivered(self, record: InputRecord, outcome: Outcome[ReportT]) -> None:
        """Log and count an outcome that is committed, on the event loop."""


class Processor(OutcomeHandler[ReportT], Protocol[ReportT]):
    """What an agent does with one record; the lane does everything else."""

    def process(self, record: InputRecord, lookup: Lookup) -> Outcome[ReportT]:
        """Turn one input into its outcome, in a pool thread. Deterministic; bad input is an outcome, never an error."""


class RecordingProcessor(OutcomeHandler[ReportT], Protocol[ReportT]):
    """What an agent does with one recording, whose work may take long."""

    def accepts(self, record: InputRecord) -> bool:
        """Whether an input is a recording; asked only where an input topic has live inputs as well."""

    def process_recording(self, record: InputRecord, control: RecordingControl) -> Outcome[ReportT]:
        """Turn one recording into its outcome, in a thread for recordings.

        Deterministic; bad input is an outcome, never an error.

        Raises:
            RecordingCancelledError: When it was cancelled; it has no outcome then.
        """


class StateStore(Protocol):
    """The state table as a lane needs it."""

    def lookup(self, partition: int) -> Lookup:
        """Return the reader of one partition's entries."""

    def put(self, partition: int, key: bytes, value: bytes) -> None:
        """Write one entry of a partition, locally and to the changelog's partition of the same number."""
