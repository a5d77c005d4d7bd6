"""The metrics of a worker: one catalogue, each with its unit and meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 120)
_AGES = (1, 10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
_SCORES = (2.5, 3.0, 3.3, 3.5, 3.85, 4.0, 4.1, 4.2, 4.3, 4.4, 4.6, 5.0)


class Metrics:
    """Every time series that a worker exports, on a registry of its own.

    Labels are bounded: partitions of one topic, five levels, the codecs, the stages and codes of rejection, the some
    thirty reasons of a choice, the media types of raw audio. No hotel and no call ever is a label.
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
        self.choices = Counter(
            "audio_choices",
            "Compressed results committed, by what decided on them.",
            ["level", "reason"],
            registry=registry,
        )
        self.corrected_labels = Counter(
            "audio_corrected_labels",
            "Results whose input was not what its label said.",
            ["labelled", "found"],
            registry=registry,
        )
        self.quality = Histogram(
            "audio_quality",
            "Predicted mean opinion score of results; 5 when lossless.",
            buckets=_SCORES,
            registry=registry,
        )
        self.pressure = Gauge(
            "audio_pressure_steps",
            "Steps towards cheaper work that load has made necessary, 0 to 5.",
            registry=registry,
        )
        self.decoder_deaths = Counter(
            "audio_decoder_deaths", "Decoder processes that an input has ended, by how.", ["code"], registry=registry
        )
        self.policies = Gauge("audio_policies", "Hotels with a policy in force.", registry=registry)
        self.policies_refused = Counter(
            "audio_policies_refused", "Policies that were refused.", ["code"], registry=registry
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
        self.in_flight_clips = Gauge(
            "audio_in_flight_clips", "Clips that wait for a thread or are in one.", registry=registry
        )
        self.in_flight_bytes = Gauge(
            "audio_in_flight_bytes", "Input bytes of the clips read and not yet committed.", registry=registry
        )
        self.abandoned_clips = Gauge(
            "audio_abandoned_clips",
            "Clips over their time whose thread has not come back.",
            registry=registry,
        )
        self.rebalances = Counter("audio_rebalances", "Assignments of partitions to this worker.", registry=registry)

        self._cache(registry)

    def _cache(self, registry: CollectorRegistry) -> None:
        self.cache_lookups = Counter(
            "audio_cache_lookups",
            "Results whose file was looked up: found in memory or in the table, or a miss.",
            ["outcome"],
            registry=registry,
        )
        self.cache_evictions = Counter(
            "audio_cache_evictions",
            "Entries that left the memory: for room, expired, or under memory pressure.",
            ["reason"],
            registry=registry,
        )
        self.cache_age_seconds = Histogram(
            "audio_cache_age_seconds",
            "Seconds since the admission of what was found.",
            buckets=_AGES,
            registry=registry,
        )
        self.cache_entries = Gauge("audio_cache_entries", "Entries in memory.", registry=registry)
        self.cache_bytes = Gauge("audio_cache_bytes", "Bytes of memory that the entries take.", registry=registry)
        self.cache_budget_bytes = Gauge(
            "audio_cache_budget_bytes", "Bytes of memory that the entries may take.", registry=registry
        )
        self.cache_table_writes = Counter(
            "audio_cache_table_writes",
            "Entries written to the table: on admission, or to refresh their expiry or bring them to a partition.",
            ["reason"],
            registry=registry,
        )
        self.cache_table_written_bytes = Counter(
            "audio_cache_table_written_bytes", "Bytes of the entries written to the table.", registry=registry
        )
        self.cache_table_bytes = Gauge(
            "audio_cache_table_bytes", "Bytes of the entries in the table.", ["partition"], registry=registry
        )
        self.cache_records_to_recover = Gauge(
            "audio_cache_records_to_recover",
            "Changelog records still to be read before the table is complete.",
            registry=registry,
        )
        self.cache_table_removals = Counter(
            "audio_cache_table_removals",
            "Entries removed from the table: for room or expired.",
            ["reason"],
            registry=registry,
        )

    def exposition(self) -> bytes:
        """All series in the Prometheus text format."""
        return generate_latest(self.registry)
