"""The row about the cache: whether repeated prompts are found, and what the cache costs."""

from infra.grafana.panels import LIMIT, RED, Panel, Query, Words, graph
from infra.grafana.promql import rate

TITLE = "Cache"


def panels() -> list[Panel]:
    """The row's panels, from left to right."""
    return [
        graph(
            Words(
                "Hit rate",
                "Share of the prompts that were found, over five minutes; the dashed line is the alert's limit.",
                ("AudioCacheHitRateLow",),
            ),
            Query("audio_cache_hit_rate", "found"),
            unit="percentunit",
            steps=[(0.7, RED)],
            top=1,
        ),
        graph(
            Words("Lookups", "Found in memory, found in the partition's table, or not at all."),
            Query(f"sum by (outcome) ({rate('audio_cache_lookups_total')})", "{{outcome}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            Words(
                "Memory and tables",
                "Bytes of the entries in all workers' memory, their limit, and all tables on disk. The limit "
                "falls when memory is short.",
            ),
            Query("sum(audio_cache_bytes)", "memory"),
            Query("sum(max by (partition) (audio_cache_table_bytes))", "tables"),
            Query("sum(audio_cache_budget_bytes)", LIMIT),
            unit="bytes",
        ),
    ]
