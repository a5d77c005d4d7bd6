"""Metrics of the worker process: versions, readiness, memory, disk and exit history."""

from typing import Literal, get_args

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, InfoOf

#: How a run of a worker ended.
ExitReason = Literal["breaker", "fenced", "stalled", "crashed", "stopped"]


class WorkerMetrics(Family):
    """Worker: versions, readiness, memory, disk, and exit history."""

    build = InfoOf(
        "audio_build_info",
        "Versions of the product and its libraries.",
        unit="1",
        labels=("version", "python", "faust", "aiokafka"),
        advice="Several at a time: a rollout is in progress, or was not completed.",
    )
    ready = GaugeOf(
        "audio_ready",
        "Conditions of /health/ready: 1 if the condition holds, else 0.",
        unit="conditions",
        labels=("condition",),
        advice="0 for minutes: assigned and recovered need the group and its tables, brokers_answer the brokers.",
    )
    sandbox_protection = GaugeOf(
        "audio_sandbox_protection",
        "What confines the decoders beside limits and a user of their own: 1 if it is in force, else 0. files, network,"
        " signals: denied by Landlock; system_calls: seccomp ends a decoder that makes others than it needs.",
        unit="protections",
        labels=("kind",),
        advice="0: an old kernel, or a container engine or systemd that forbids landlock(7) or prctl(PR_SET_SECCOMP).",
    )
    logins_refused = CounterOf(
        "audio_logins_refused_total",
        "Requests for guarded pages that were refused, by the reason; forbidden: who asked is known, and may not.",
        unit="requests",
        labels=("reason",),
        advice="Many of unknown_key or unknown_token: somebody tries keys; the log has the addresses. expired_key,"
        " expired_token: a program needs a new one.",
    )
    exits = CounterOf(
        "audio_worker_exits_total",
        "How previous runs of this worker ended, from its state directory. breaker: only dead letters; fenced: another"
        " worker has its partitions; stalled: ended by the watchdog; stopped: clean stop; crashed: anything else.",
        unit="processes",
        labels=("reason",),
        values=get_args(ExitReason),
        advice="The log of that run ends with worker_failed and the reason; without it, the system killed the worker.",
    )
    memory_bytes = GaugeOf(
        "audio_memory_bytes",
        "Memory of the worker with its decoder processes, or of its control group if that has the limit.",
        unit="bytes",
        advice="Near audio_memory_limit_bytes: fewer clips in flight, a smaller cache, or more memory.",
    )
    memory_limit_bytes = GaugeOf(
        "audio_memory_limit_bytes",
        "The worker's memory limit: AUDIO_MEMORY_LIMIT, its control group's, or all memory of the machine.",
        unit="bytes",
        advice="The machine's memory although a lower limit was intended: the limit is not set.",
    )
    state_disk_free_bytes = GaugeOf(
        "audio_state_disk_free_bytes",
        "Free space on the file system of AUDIO_STATE_DIR.",
        unit="bytes",
        advice="Low: the tables take up to AUDIO_CACHE_SIZE per partition, or something else fills the disk.",
    )
    state_disk_bytes = GaugeOf(
        "audio_state_disk_bytes",
        "Size of the file system of AUDIO_STATE_DIR.",
        unit="bytes",
        advice="Another volume than intended: check AUDIO_STATE_DIR and the mounts.",
    )
    log_lines_dropped = CounterOf(
        "audio_log_lines_dropped_total",
        "Log lines that were not written, because standard error is not read or its disk is full.",
        unit="lines",
        advice="The log collector does not read. The worker continues, but log lines are lost.",
    )
