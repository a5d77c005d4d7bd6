"""Metrics of the worker process: memory, disk and exit history."""

from typing import Literal, get_args

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf

#: How a run of a worker ended.
ExitReason = Literal["breaker", "fenced", "stalled", "crashed", "stopped"]


class WorkerMetrics(Family):
    """Worker: memory, disk, and exit history."""

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
