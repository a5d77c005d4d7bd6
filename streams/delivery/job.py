"""The work on one input: a live record, or a recording."""

import time
from collections.abc import Callable
from typing import Generic

from streams.delivery.outcome import (
    InputRecord,
    Lookup,
    Outcome,
    OutcomeHandler,
    Processor,
    RecordingProcessor,
    ReportT,
)
from streams.delivery.recording_control import RecordingControl


class Job(Generic[ReportT]):
    """One input that is to be processed.

    Args:
        record: The input.
        handler: Handles its outcome.
        on_done: Called on the event loop once the outcome is set.
        read_at: When the input was read from Kafka, in monotonic seconds.

    Attributes:
        outcome: None until the job is done.
        size: Bytes that the input counts for while in flight.
        started: When a thread started the job, in monotonic seconds; None until then.
        on_done: As given; a recording may pass to another lane.
    """

    __slots__ = ("handler", "on_done", "outcome", "read_at", "record", "size", "started")

    def __init__(
        self,
        record: InputRecord,
        handler: OutcomeHandler[ReportT],
        on_done: Callable[[], None],
        *,
        read_at: float,
        size: int,
    ) -> None:
        self.record = record
        self.size = size
        self.handler = handler
        self.read_at = read_at
        self.outcome: Outcome[ReportT] | None = None
        self.started: float | None = None
        self.on_done = on_done

    def run(self) -> Outcome[ReportT]:
        """Process the input, in a pool thread."""
        raise NotImplementedError

    def overdue(self, limit: float) -> str:
        """Say why the job has taken too long; empty if it has not.

        Args:
            limit: Seconds that it may take.
        """
        raise NotImplementedError

    def finish(self, outcome: Outcome[ReportT]) -> None:
        """Set the outcome, once: a second one, from a thread that returns too late, is dropped."""
        if self.outcome is None:
            self.outcome = outcome
            self.on_done()


class LiveJob(Job[ReportT]):
    """The work on a live record.

    Args:
        record: The input.
        processor: Turns it into its outcome.
        lookup: Reads the state table of its partition.
        on_done: Called on the event loop once the outcome is set.
        read_at: When the input was read from Kafka, in monotonic seconds.
    """

    __slots__ = ("_lookup", "_processor")

    def __init__(
        self,
        record: InputRecord,
        processor: Processor[ReportT],
        lookup: Lookup,
        on_done: Callable[[], None],
        *,
        read_at: float,
    ) -> None:
        super().__init__(record, processor, on_done, read_at=read_at, size=record.size)
        self._processor = processor
        self._lookup = lookup

    def run(self) -> Outcome[ReportT]:
        """Process the record."""
        return self._processor.process(self.record, self._lookup)

    def overdue(self, limit: float) -> str:
        """The limit is for the whole record, from when a thread started it."""
        if self.started is None or time.monotonic() - self.started <= limit:
            return ""
        return f"took longer than {limit:g} s to process; send shorter segments"


class RecordingJob(Job[ReportT]):
    """The work on a recording. It counts for no bytes in flight, since it may stay there for long.

    Args:
        record: The input.
        processor: Turns it into its outcome.
        on_done: Called on the event loop once the outcome is set.
        read_at: When the input was read from Kafka, in monotonic seconds.

    Attributes:
        control: Its progress and cancellation.
    """

    __slots__ = ("_processor", "control")

    def __init__(
        self,
        record: InputRecord,
        processor: RecordingProcessor[ReportT],
        on_done: Callable[[], None],
        *,
        read_at: float,
    ) -> None:
        super().__init__(record, processor, on_done, read_at=read_at, size=0)
        self._processor = processor
        self.control = RecordingControl()

    def run(self) -> Outcome[ReportT]:
        """Process the recording; raises `RecordingCancelledError` when it was cancelled."""
        self.control.check()
        self.control.started()
        return self._processor.process_recording(self.record, self.control)

    def overdue(self, limit: float) -> str:
        """The limit is for each step, so that the time for the whole recording grows with its length."""
        if self.started is None or self.control.silent_seconds <= limit:
            return ""
        self.control.cancel()
        return f"made no progress for {limit:g} s after {self.control.seconds_done:.0f} s of audio"
