"""Metrics of the cache: hits, sizes, evictions and writes."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, HistogramOf

#: Seconds, from a second to a month.
_AGES = (1, 10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)


class CacheMetrics(Family):
    """Cache: encoded prompts in memory and in the partitions' tables."""

    cache_lookups = CounterOf(
        "audio_cache_lookups_total",
        "Lookups of a result's file: found in memory or in the table, or a miss.",
        unit="lookups",
        labels=("outcome",),
        values=("memory", "table", "miss"),
        advice="Few hits: prompts do not repeat, the cache is too small, or their audio differs each time.",
    )
    cache_evictions = CounterOf(
        "audio_cache_evictions_total",
        "Entries that left the memory: to make room, because they expired, or under memory pressure.",
        unit="entries",
        labels=("reason",),
        values=("room", "expired", "pressure"),
        advice="Many for room: raise AUDIO_CACHE_SIZE. Under pressure: the memory limit is near.",
    )
    cache_age_seconds = HistogramOf(
        "audio_cache_age_seconds",
        "Age of an entry when it was found, since its admission.",
        unit="seconds",
        buckets=_AGES,
        advice="Only young hits: entries expire too soon; look at AUDIO_CACHE_TTL.",
    )
    cache_entries = GaugeOf(
        "audio_cache_entries",
        "Entries in memory.",
        unit="entries",
        advice="0 after hours of prompts: nothing repeats, or no memory is left for the cache.",
    )
    cache_bytes = GaugeOf(
        "audio_cache_bytes",
        "Memory that the entries take.",
        unit="bytes",
        advice="At audio_cache_budget_bytes the cache is full, which is normal while the hit rate is good.",
    )
    cache_budget_bytes = GaugeOf(
        "audio_cache_budget_bytes",
        "Memory that the entries may take.",
        unit="bytes",
        advice="Below AUDIO_CACHE_SIZE: the process is near its memory limit.",
    )
    cache_table_writes = CounterOf(
        "audio_cache_table_writes_total",
        "Entries written to the table: on admission, or to extend their expiry or add them to a partition's table.",
        unit="entries",
        labels=("reason",),
        values=("admission", "refresh"),
        advice="Many admissions with few hits: entries are removed before their audio repeats.",
    )
    cache_table_written_bytes = CounterOf(
        "audio_cache_table_written_bytes_total",
        "Size of the entries written to the table.",
        unit="bytes",
        advice="Each entry is also written to the changelog in Kafka.",
    )
    cache_table_bytes = GaugeOf(
        "audio_cache_table_bytes",
        "Size of the entries in the table.",
        unit="bytes",
        labels=("partition",),
        advice="Above AUDIO_CACHE_SIZE: the sweep does not keep up; look at audio_cache_table_removals_total.",
    )
    cache_records_to_recover = GaugeOf(
        "audio_cache_records_to_recover",
        "Changelog records to be read before the table is complete.",
        unit="records",
        advice="Constant above 0: recovery does not progress; look at the brokers and the log.",
    )
    cache_table_removals = CounterOf(
        "audio_cache_table_removals_total",
        "Entries removed from the table: to make room, or because they expired.",
        unit="entries",
        labels=("reason",),
        values=("room", "expired"),
        advice="No increase for days with a full table: the sweep does not run; is the worker ready?",
    )
