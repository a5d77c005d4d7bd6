"""What goes into a lane and what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from schemas import Cut, DeadLetter, Position, Record, Rejection
from schemas.dead_letter import NOTHING_CUT

#: Reads the state table of the record's partition; safe to call from any thread.
Lookup = Callable[[bytes], bytes | None]


_OVERHEAD_BYTES = 8192  # a small result and its headers, and the objects that hold all these


class Damage(NamedTuple):
    """What makes an input one that nobody can read.

    Attributes:
        rejection: Why it is refused.
        next_offset: The first offset behind it; it may stand for several.
        raw_headers: Its headers as they are laid out, where those of the record do not say all.
        cut: Which parts of the record are only their beginnings.
    """

    rejection: Rejection
    next_offset: int
    raw_headers: bytes | None = None
    cut: Cut = NOTHING_CUT


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One record of an input topic; or what stands there and cannot be read, as one.

    Attributes:
        position: Where it stands, or begins.
        content: Key, value, headers and timestamp, as far as they can be read.
        damage: Why it is refused unread, if it is.
    """

    position: Position
    content: Record
    damage: Damage | None = None

    @property
    def next_offset(self) -> int:
        """The first offset behind it."""
        return self.position.offset + 1 if self.damage is None else self.damage.next_offset

    def letter(self, rejection: Rejection) -> DeadLetter:
        """The dead letter of this input, with all that is known of it."""
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
        """Bytes that it takes in flight: key, value, headers, and something for the rest, so that small ones count."""
        content, damage = self.content, self.damage
        headers = sum([len(name) + len(value or b"") for name, value in content.headers])
        raw = 0 if damage is None or damage.raw_headers is None else len(damage.raw_headers)
        return len(content.key or b"") + len(content.value or b"") + headers + raw + _OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Output:
    """One record to be written, to the same partition number as its input."""

    topic: str
    record: Record


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one input record became; its transaction writes all of it or none.

    Attributes:
        outputs: Records for output topics, dead letters included.
        rejection: Why the input was refused, or None for a result.
        table_updates: Keys and values for the state table. Their changelog is outside the transaction, so each must
            be a pure function of content: written twice it says the same.
        report: What the processor wants back once the outcome is committed.
    """

    outputs: tuple[Output, ...]
    rejection: Rejection | None = None
    table_updates: tuple[tuple[bytes, bytes], ...] = ()
    report: Any = None

    @property
    def output_bytes(self) -> int:
        """Bytes of all outputs' values."""
        return sum(len(output.record.value or b"") for output in self.outputs)


class Processor(Protocol):
    """What an agent does with one record; the lane does everything else."""

    def process(self, record: InputRecord, lookup: Lookup) -> Outcome:
        """Turn one input into its outcome, in a pool thread. Deterministic; bad input is an outcome, never an error."""

    def reject(self, record: InputRecord, rejection: Rejection) -> Outcome:
        """Make the dead letter for an input that could not be processed."""

    def delivered(self, record: InputRecord, outcome: Outcome) -> None:
        """Hear that the outcome is committed, on the event loop: log and count here."""


class StateStore(Protocol):
    """The state table as a lane needs it."""

    def lookup(self, partition: int) -> Lookup:
        """Return the reader of one partition's state."""

    def put(self, context: object, key: bytes, value: bytes) -> None:
        """Write one entry on behalf of the input that came with ``context``."""
