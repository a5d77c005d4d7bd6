"""Metrics of the cache: hits, sizes, what goes and what is written."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, HistogramOf

#: Seconds, from a second to a month.
_AGES = (1, 10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)


class CacheMetrics(Family):
    """Cache: prompts that need not be encoded again, in memory and in the partitions' tables."""

    cache_lookups = CounterOf(
        "audio_cache_lookups_total",
        "Results whose file was looked up: found in memory or in the table, or a miss.",
        unit="lookups",
        labels=("outcome",),
        values=("memory", "table", "miss"),
        advice="Few hits: prompts do not repeat, the cache is too small, or their audio differs each time.",
    )
    cache_evictions = CounterOf(
        "audio_cache_evictions_total",
        "Entries that left the memory: for room, expired, or under memory pressure.",
        unit="entries",
        labels=("reason",),
        values=("room", "expired", "pressure"),
        advice="For room, many: raise AUDIO_CACHE_SIZE. Under pressure: the memory limit is near.",
    )
    cache_age_seconds = HistogramOf(
        "audio_cache_age_seconds",
        "Time since the admission of what was found.",
        unit="seconds",
        buckets=_AGES,
        advice="Only young hits: entries expire too soon; look at AUDIO_CACHE_TTL.",
    )
    cache_entries = GaugeOf(
        "audio_cache_entries",
        "Entries in memory.",
        unit="entries",
        advice="None after hours of prompts: nothing repeats, or no memory is left for the cache.",
    )
    cache_bytes = GaugeOf(
        "audio_cache_bytes",
        "Memory that the entries take.",
        unit="bytes",
        advice="At audio_cache_budget_bytes it is full, which is well as long as the hit rate is.",
    )
    cache_budget_bytes = GaugeOf(
        "audio_cache_budget_bytes",
        "Memory that the entries may take.",
        unit="bytes",
        advice="Below AUDIO_CACHE_SIZE: the process is near its memory limit.",
    )
    cache_table_writes = CounterOf(
        "audio_cache_table_writes_total",
        "Entries written to the table: on admission, or to refresh their expiry or bring them to a partition.",
        unit="entries",
        labels=("reason",),
        values=("admission", "refresh"),
        advice="Many admissions with few hits: what repeats is gone before it comes again.",
    )
    cache_table_written_bytes = CounterOf(
        "audio_cache_table_written_bytes_total",
        "Entries written to the table.",
        unit="bytes",
        advice="Each of them goes to the changelog in Kafka too.",
    )
    cache_table_bytes = GaugeOf(
        "audio_cache_table_bytes",
        "Entries in the table.",
        unit="bytes",
        labels=("partition",),
        advice="Above AUDIO_CACHE_SIZE: the sweep does not keep up; look at audio_cache_table_removals_total.",
    )
    cache_records_to_recover = GaugeOf(
        "audio_cache_records_to_recover",
        "Changelog records still to be read before the table is complete.",
        unit="records",
        advice="It stands: recovery is stuck; look at the brokers and at the log.",
    )
    cache_table_removals = CounterOf(
        "audio_cache_table_removals_total",
        "Entries removed from the table: for room or expired.",
        unit="entries",
        labels=("reason",),
        values=("room", "expired"),
        advice="None for days with a full table: the sweep does not run; is the worker ready?",
    )
