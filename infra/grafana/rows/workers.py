"""The row about workers: their resources, starts and ends."""

from infra.grafana.panels import GREEN, RED, Panel, Query, Words, graph, timeline
from infra.grafana.promql import BY_PARTITION, JOB, none_yet, quantile, rate

TITLE = "Workers"


def panels() -> list[Panel]:
    """The row's panels, from left to right."""
    return [*_work(), *_resources(), *_flow(), *_cluster(), *_security()]


def _work() -> list[Panel]:
    return [
        timeline(
            Words(
                "Readiness",
                "Each condition of /health/ready: red where it does not hold for at least one process.",
                ("AudioWorkerNotReady", "AudioRecoveryStuck"),
            ),
            Query("min by (condition) (audio_ready)", "{{condition}}"),
            texts={0: ("not ready", RED), 1: ("ready", GREEN)},
        ),
        graph(
            Words("Load by worker", "Steps towards cheaper work: 1 to 3 are less effort, 4 and 5 higher levels."),
            Query("audio_pressure_steps", "{{instance}}"),
            unit="none",
            top=5,
        ),
        graph(
            Words("Encoding", "Time from decoding to the finished file, one clip in its thread."),
            Query(quantile(0.5, "audio_encode_seconds"), "p50"),
            Query(quantile(0.95, "audio_encode_seconds"), "p95"),
            unit="s",
        ),
    ]


def _resources() -> list[Panel]:
    return [
        graph(
            Words(
                "Memory, of the limit",
                "Resident memory of each worker with its decoders, as a share of its limit.",
                ("AudioMemoryHigh",),
            ),
            Query("audio_memory_usage", "{{instance}}"),
            unit="percentunit",
            steps=[(0.8, RED)],
            top=1,
        ),
        graph(
            Words("Processor", "Cores that each worker keeps busy, without its decoders."),
            Query(rate("process_cpu_seconds_total", JOB), "{{instance}}"),
            unit="none",
        ),
        graph(
            Words(
                "Free disk",
                "Share of the state directory's file system that is free.",
                ("AudioStateDiskLow",),
            ),
            Query("audio_state_disk_free_bytes / audio_state_disk_bytes", "{{instance}}"),
            unit="percentunit",
            steps=[(0.1, RED)],
            top=1,
        ),
    ]


def _flow() -> list[Panel]:
    return [
        graph(
            Words("In progress", "Inputs that workers have read and not yet committed, by partition."),
            Query(f"sum by (partition) (audio_lane_depth{{{BY_PARTITION}}})", "{{partition}}"),
            unit="short",
            stacked=True,
        ),
        graph(
            Words("Transactions", "Duration of a transaction. Above some 100 ms the brokers are slow."),
            Query(quantile(0.5, "audio_transaction_seconds"), "p50"),
            Query(quantile(0.95, "audio_transaction_seconds"), "p95"),
            unit="s",
        ),
        graph(
            Words(
                "Rebalances and ends",
                "In the last five minutes: assignments of partitions, and ends of workers. Ends come with their reason "
                "in the log, unless its lines were dropped.",
                ("AudioRebalanceStorm", "AudioProducersFenced", "AudioWorkerCrashes", "AudioLogLinesDropped"),
            ),
            Query(none_yet("sum(increase(audio_rebalances_total[5m]))"), "rebalances"),
            Query(none_yet("sum(increase(audio_worker_exits_total[5m]))"), "ends"),
            Query("sum(audio_cache_records_to_recover)", "records to recover"),
            Query(none_yet("sum(increase(audio_log_lines_dropped_total[5m]))"), "lines dropped"),
            unit="short",
        ),
    ]


def _cluster() -> list[Panel]:
    return [
        graph(
            Words(
                "Clocks",
                "How far each worker's clock is ahead of each broker's. One worker and all brokers: the worker's is "
                "wrong; all workers and one broker: the broker's.",
                ("AudioClockWrong",),
            ),
            Query("audio_clock_ahead_seconds", "{{instance}} broker {{broker}}"),
            unit="s",
        ),
        graph(
            Words(
                "Topics",
                "Topics that do not exist, input partitions that cannot be read because another topic lacks "
                "them, and hotels whose policy was lost with its topic. All should be 0.",
                ("AudioPartitionsUnservable", "AudioTopicsMissing", "AudioPoliciesAwaited"),
            ),
            Query("max(audio_topics_missing)", "missing topics"),
            Query("max(audio_partitions_unservable)", "partitions that cannot be served"),
            Query("max(audio_policies_awaited)", "lost policies"),
            unit="short",
        ),
        graph(
            Words(
                "Object stores",
                "Endpoints that the worker with the fewest reaches, in percent; operations that went on at another "
                "endpoint, connections in use, and operations that wait for one.",
                ("AudioStoresUnhealthy",),
            ),
            Query("min(audio_pool_health_score)", "healthy %"),
            Query(none_yet("sum(increase(audio_pool_failovers_total[5m]))"), "failovers in 5 min"),
            Query('sum(audio_pool_connections{state="in_use"})', "in use"),
            Query('sum(audio_pool_connections{state="waiting"})', "waiting"),
            unit="short",
        ),
    ]


def _security() -> list[Panel]:
    return [
        graph(
            Words(
                "Keys",
                "Workers that have no keys to seal with, and days since the first key of the newest epoch was written. "
                "Both should be below 1.",
                ("AudioKeysAwaited", "AudioKeyEpochOld"),
            ),
            Query("sum(audio_keys_awaited)", "workers without keys"),
            Query("max(audio_key_epoch_age_seconds) / 86400", "age of the epoch in days"),
            unit="short",
        ),
        graph(
            Words(
                "Logins refused",
                "Requests for guarded pages that were refused. The log says why, and from where.",
                ("AudioLoginsRefused",),
            ),
            Query(none_yet("sum(increase(audio_logins_refused_total[5m]))"), "refused"),
            unit="short",
        ),
        timeline(
            Words(
                "Decoders' protections",
                "What confines decoders beside limits and a user of their own: red where at least one worker lacks it.",
                ("AudioDecodersLessConfined",),
            ),
            Query("min by (kind) (audio_sandbox_protection)", "{{kind}}"),
            texts={0: ("missing", RED), 1: ("in force", GREEN)},
        ),
    ]
