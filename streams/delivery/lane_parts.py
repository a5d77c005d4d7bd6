"""What the lanes of a worker share, and who processes their inputs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.executor import RecordExecutor
from streams.delivery.outcome import InputRecord, Processor, RecordingProcessor, StateStore
from streams.delivery.sealing import NoSealer, Sealer
from streams.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What all lanes of a worker share.

    Attributes:
        executor: Runs live records.
        recordings: Runs recordings, in threads of its own.
        budget: Limits the live records in flight.
        breaker: Ends the worker after too many dead letters in a row.
        store: The state table.
        metrics: Show what the lanes do.
        on_failure: Ends the worker.
        sealer: Seals what is about to be committed.
    """

    executor: RecordExecutor
    recordings: RecordExecutor
    budget: InFlightBudget
    breaker: DeadLetterBreaker
    store: StateStore
    metrics: Metrics
    on_failure: Callable[[BaseException], None]
    sealer: Sealer = field(default_factory=NoSealer)


@dataclass(frozen=True, slots=True)
class Service:
    """Who processes the inputs of a topic.

    Attributes:
        live: Processes live records; None where every input is a recording.
        recordings: Processes recordings; None where there are none.
    """

    live: Processor[Any] | None  # each agent has its own type of report
    recordings: RecordingProcessor[Any] | None = None

    def processor_of_recording(self, record: InputRecord) -> RecordingProcessor[Any] | None:
        """The processor of a recording; None where the input is a live record."""
        if self.recordings is not None and (self.live is None or self.recordings.accepts(record)):
            return self.recordings
        return None

    def processor_of_live(self) -> Processor[Any]:
        """The processor of live records.

        Raises:
            RuntimeError: If the topic has none.
        """
        if self.live is None:
            raise RuntimeError("a topic has neither a processor of live records nor one of recordings")
        return self.live
