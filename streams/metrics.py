"""The metrics of a worker: one catalogue, each with its unit and meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 120)


class Metrics:
    """Every time series that a worker exports, on a registry of its own.

    Labels are bounded: partitions of one topic, five levels, the codecs, the stages and codes of rejection. No hotel
    and no call ever is a label.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self.registry = CollectorRegistry()
        self.records_in = Counter(
            "audio_records_in", "Input records whose outcome is committed.", ["partition"], registry=registry
        )
        self.results = Counter(
            "audio_results", "Compressed results committed.", ["level", "codec", "cache"], registry=registry
        )
        self.dead_letters = Counter(
            "audio_dead_letters",
            "Dead letters committed, by step and kind.",
            ["stage", "code"],
            registry=registry,
        )
        self.bytes_in = Counter("audio_bytes_in", "Bytes of audio in inputs that gave a result.", registry=registry)
        self.bytes_out = Counter("audio_bytes_out", "Bytes of audio in results.", registry=registry)
        self.audio_seconds = Counter("audio_seconds", "Seconds of audio in results.", registry=registry)
        self.encode_seconds = Histogram(
            "audio_encode_seconds",
            "Seconds from decoding to the finished file, one clip, in its thread.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.transaction_seconds = Histogram(
            "audio_transaction_seconds",
            "Seconds for one Kafka transaction.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.lag_records = Gauge(
            "audio_lag_records", "Input records not yet committed.", ["topic", "partition"], registry=registry
        )
        self.in_flight_clips = Gauge("audio_in_flight_clips", "Clips read and not yet committed.", registry=registry)
        self.in_flight_bytes = Gauge(
            "audio_in_flight_bytes", "Input bytes of the clips read and not yet committed.", registry=registry
        )
        self.abandoned_clips = Gauge(
            "audio_abandoned_clips",
            "Clips over their time whose thread has not come back.",
            registry=registry,
        )
        self.rebalances = Counter("audio_rebalances", "Assignments of partitions to this worker.", registry=registry)

    def exposition(self) -> bytes:
        """All series in the Prometheus text format."""
        return generate_latest(self.registry)
