"""The metrics recorder: counts committed outcomes by result, dead letter, hotel and delay."""

from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

from prometheus_client import Counter, Gauge

from schemas import CompressedAudio, MediaType, Rejection
from schemas.repairs import repair_kinds
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.hotels import OTHER, HotelLabels

#: Longest call id in an exemplar, whose labels may have 128 characters including their names.
_MAX_EXEMPLAR = 120


class _Hotel(NamedTuple):
    records: Counter
    audio_seconds: Counter
    dead_letters: Counter
    delivery_seconds: Gauge


class MetricsRecorder:
    """Updates the metrics for each committed outcome. Not thread-safe: call it on the event loop.

    The series of each set of labels is looked up once and cached, which saves half of the time.

    Args:
        metrics: The metrics to update.
        late: Delay in seconds from which an exemplar has the call id.
    """

    def __init__(self, metrics: Metrics, *, late: float) -> None:
        self._metrics = metrics
        self._late = late
        self._hotels = HotelLabels()
        self._hotel_series = cache(self._make_hotel_series)
        self._results = cache(metrics.results.labels)
        self._choices = cache(metrics.choices.labels)
        self._seconds = 0.0
        self._count = 0

    @property
    def mean_seconds(self) -> float:
        """Mean duration of the audio in results so far, in seconds; 0 before the first."""
        return self._seconds / self._count if self._count else 0.0

    def choices(self) -> list[dict[str, str | int]]:
        """Return the number of results by level and reason."""
        [series] = self._metrics.choices.collect()
        return [{**sample.labels, "results": int(sample.value)} for sample in series.samples]

    def delivered(self, hotel: str | None, call: str, delay: float | None) -> None:
        """Count an outcome of either kind.

        Args:
            hotel: The hotel id; None if the input has none.
            call: The call id.
            delay: Seconds from the record's timestamp to the commit; None if unknown.
        """
        series = self._of(hotel)
        series.records.inc()
        if delay is not None:
            series.delivery_seconds.set(delay)
            exemplar = {"call": call} if delay > self._late and len(call) <= _MAX_EXEMPLAR else None
            self._metrics.delivery_seconds.observe(delay, exemplar)

    def dead_letter(self, hotel: str | None, rejection: Rejection) -> None:
        """Count a dead letter."""
        self._metrics.dead_letters.labels(rejection.stage, rejection.code).inc()
        self._of(hotel).dead_letters.inc()

    def gone(self, rejection: Rejection) -> None:
        """Count a sealed input that was erased or has expired."""
        self._metrics.inputs_gone.labels(rejection.code).inc()

    def result(self, result: CompressedAudio, labelled: MediaType, encode_seconds: float | None) -> None:
        """Count a result.

        Args:
            result: The result.
            labelled: The media type that the sender gave.
            encode_seconds: Seconds from decoding to the finished file; None for a recording, whose length says nothing
                about live records.
        """
        metrics = self._metrics
        seconds = result.duration_ms / 1000
        self._results(result.level, result.codec, result.cache).inc()
        self._choices(result.level, result.reason).inc()
        metrics.quality.observe(result.quality)
        if result.corrected_type is not None:
            corrected = result.corrected_type.partition(";")[0]
            metrics.corrected_labels.labels(labelled.type, corrected).inc()
        if result.repaired is not None:
            for kind in repair_kinds(result.repaired):
                metrics.repaired.labels(kind).inc()
        metrics.bytes_in.inc(result.original_bytes)
        metrics.bytes_out.inc(result.compressed_bytes)
        metrics.audio_seconds.inc(seconds)
        self._of(result.hotel_id).audio_seconds.inc(seconds)
        if encode_seconds is not None:
            metrics.encode_seconds.observe(encode_seconds)
            self._seconds += seconds
            self._count += 1

    def cached(self, source: Literal["memory", "table", "miss"], age: float | None, written: Sequence[int]) -> None:
        """Count the cache lookup of a result.

        Args:
            source: The tier in which the file was found, or ``miss``.
            age: Seconds since the entry was admitted; None for a miss.
            written: Sizes in bytes of the entries written to the table because of it.
        """
        metrics = self._metrics
        metrics.cache_lookups.labels(source).inc()
        if age is not None:
            metrics.cache_age_seconds.observe(age)
        for size in written:
            metrics.cache_table_writes.labels("admission" if source == "miss" else "refresh").inc()
            metrics.cache_table_written_bytes.inc(size)

    def _of(self, hotel: str | None) -> _Hotel:
        series: _Hotel = self._hotel_series(OTHER if hotel is None else self._hotels.of(hotel))
        return series

    def _make_hotel_series(self, label: str) -> _Hotel:
        metrics = self._metrics
        return _Hotel(
            metrics.hotel_records.labels(label),
            metrics.hotel_audio_seconds.labels(label),
            metrics.hotel_dead_letters.labels(label),
            metrics.hotel_delivery_seconds.labels(label),
        )
