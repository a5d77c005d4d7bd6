"""What logs, metrics and the load governor are told about committed outcomes."""

from collections.abc import Callable

import structlog

from agents.compress.dead_letters import Gone
from agents.compress.pipeline import Compression
from agents.compress.sender_clocks import SenderClocks
from schemas import Rejection
from schemas.raw_audio import hotel_of
from streams.compression import LoadGovernor
from streams.delivery.outcome import InputRecord, Outcome
from streams.delivery.placement import Placement
from streams.kafka.broker_clocks import age
from streams.telemetry.metrics.recorder import MetricsRecorder

log = structlog.get_logger(__name__)


class Reporter:
    """Logs and counts committed outcomes. Not thread-safe: call it on the event loop.

    Args:
        recorder: Counts outcomes.
        governor: Gets the age of each input.
        placement: Checks the partitions of calls.
        senders: Checks the times that senders write.
        now: The time by the brokers' clocks, in seconds since the Unix epoch.
    """

    def __init__(
        self,
        recorder: MetricsRecorder,
        governor: LoadGovernor,
        placement: Placement,
        senders: SenderClocks,
        now: Callable[[], float],
    ) -> None:
        self._recorder = recorder
        self._governor = governor
        self._placement = placement
        self._senders = senders
        self._now = now

    def delivered(self, record: InputRecord, outcome: Outcome[Compression]) -> None:
        """Report one committed outcome.

        Args:
            record: The input.
            outcome: What became of it.
        """
        call, now = record.call, self._now()
        delay = age(record.content.timestamp_ms, now)
        if delay is not None:
            self._governor.observe(delay, partition=record.position.partition, call=call)
        if isinstance(outcome.report, Gone):
            self._gone(record, outcome.report, call, delay)
        elif isinstance(outcome.report, Rejection):
            self._dead_letter(record, outcome.report, call, delay, now)
        else:
            self._result(record, outcome.report, delay, now)

    def _gone(self, record: InputRecord, gone: Gone, call: str, delay: float | None) -> None:
        self._recorder.delivered(hotel_of(record.content), call, delay)
        self._recorder.gone(gone.rejection)
        log.info(
            "input_gone", code=gone.rejection.code, partition=record.position.partition, offset=record.position.offset
        )

    def _dead_letter(
        self, record: InputRecord, rejection: Rejection, call: str, delay: float | None, now: float
    ) -> None:
        hotel = hotel_of(record.content)
        self._recorder.delivered(hotel, call, delay)
        self._recorder.dead_letter(hotel, rejection)
        self._senders.check(record.content, hotel, None, now)
        log.warning(
            "dead_letter",
            call=call,
            code=rejection.code,
            reason=rejection.message,
            partition=record.position.partition,
            offset=record.position.offset,
        )

    def _result(self, record: InputRecord, compression: Compression, delay: float | None, now: float) -> None:
        result, use = compression.result, compression.cache_use
        self._recorder.delivered(result.hotel_id, result.call_id, delay)
        self._recorder.result(result, compression.media_type, compression.seconds)
        self._placement.seen(result.call_id, record.position.partition, compression.source)
        self._senders.check(record.content, result.hotel_id, result.time, now)
        if use is not None:
            self._recorder.cached(use.source, use.age, [len(entry) for _, entry in use.updates])
        log.debug(
            "compressed",
            call=result.call_id,
            compression_level=result.level,
            codec=result.codec,
            quality=result.quality,
            reason=result.reason,
            corrected_type=result.corrected_type,
            repaired=result.repaired,
            bytes_in=result.original_bytes,
            bytes_out=result.compressed_bytes,
            ratio=round(result.original_bytes / result.compressed_bytes, 2),
            cache=result.cache,
            partition=record.position.partition,
            offset=record.position.offset,
        )
