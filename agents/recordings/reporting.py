"""What logs and metrics are told about recordings."""

import time
from collections.abc import Callable

import structlog

from agents.compress.dead_letters import Gone
from agents.compress.sender_clocks import SenderClocks
from agents.recordings.pipeline import RecordingCompression
from schemas import Rejection
from schemas.raw_audio import hotel_of
from streams.delivery.outcome import InputRecord, Outcome
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.recorder import MetricsRecorder

log = structlog.get_logger(__name__)


class RecordingReporter:
    """Logs and counts committed outcomes of recordings. Not thread-safe: call it on the event loop.

    Delays of recordings are not counted with those of live records, and put no pressure on the choice of levels.

    Args:
        recorder: Counts outcomes.
        metrics: Count recordings.
        senders: Checks the times that senders write.
        now: The time by the brokers' clocks, in seconds since the Unix epoch.
    """

    def __init__(
        self,
        recorder: MetricsRecorder,
        metrics: Metrics,
        senders: SenderClocks,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._recorder = recorder
        self._recordings = metrics.recordings
        self._senders = senders
        self._now = now

    def delivered(self, record: InputRecord, outcome: Outcome[RecordingCompression]) -> None:
        """Report one committed outcome."""
        if isinstance(outcome.report, Gone):
            self._gone(record, outcome.report)
        elif isinstance(outcome.report, Rejection):
            self._dead_letter(record, outcome.report)
        else:
            self._result(record, outcome.report)

    def _gone(self, record: InputRecord, gone: Gone) -> None:
        self._recorder.delivered(hotel_of(record.content), record.call, None)
        self._recorder.gone(gone.rejection)
        log.info("input_gone", code=gone.rejection.code, **place(record))

    def _dead_letter(self, record: InputRecord, rejection: Rejection) -> None:
        hotel = hotel_of(record.content)
        self._recorder.delivered(hotel, record.call, None)
        self._recorder.dead_letter(hotel, rejection)
        self._recordings.labels("refused").inc()
        self._senders.check(record.content, hotel, None, self._now())
        log.warning("dead_letter", call=record.call, code=rejection.code, reason=rejection.message, **place(record))

    def _result(self, record: InputRecord, compression: RecordingCompression) -> None:
        result = compression.result
        self._recorder.delivered(result.hotel_id, result.call_id, None)
        self._recorder.result(result, compression.media_type, None)
        self._recordings.labels("compressed").inc()
        self._senders.check(record.content, result.hotel_id, result.time, self._now())
        log.info(
            "recording_compressed",
            call=result.call_id,
            audio_seconds=result.duration_ms / 1000,
            seconds=round(compression.seconds, 1),
            compression_level=result.level,
            codec=result.codec,
            reason=result.reason,
            bytes_in=result.original_bytes,
            bytes_out=result.compressed_bytes,
            reference=result.data_ref,
            **place(record),
        )


def place(record: InputRecord) -> dict[str, str | int]:
    """The fields of a log line that say which input it is about."""
    position = record.position
    return {"topic": position.topic, "partition": position.partition, "offset": position.offset}
