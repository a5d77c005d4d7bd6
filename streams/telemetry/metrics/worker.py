"""Metrics of the worker itself: what it is, whether it is ready, what it has left, how its former lives ended."""

from typing import Literal, get_args

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, InfoOf

#: How a run of a worker ended.
ExitReason = Literal["breaker", "fenced", "stalled", "crashed", "stopped"]


class WorkerMetrics(Family):
    """Worker: what it is, whether it is ready, what it has left, and how its former lives ended."""

    build = InfoOf(
        "audio_build_info",
        "Versions that this worker runs.",
        unit="1",
        labels=("version", "python", "faust", "aiokafka"),
        advice="Several at a time: a rollout is under way, or was left half done.",
    )
    ready = GaugeOf(
        "audio_ready",
        "The conditions of /health/ready: 1 where it holds, else 0.",
        unit="conditions",
        labels=("condition",),
        advice="0 for minutes: assigned and recovered need the group and its tables, brokers_answer the brokers.",
    )
    exits = CounterOf(
        "audio_worker_exits_total",
        "Ends of this worker's former lives, kept in its state directory. breaker: only dead letters; fenced: another"
        " worker has its partitions; stalled: the watchdog; stopped: in good order; crashed: anything else.",
        unit="processes",
        labels=("reason",),
        values=get_args(ExitReason),
        advice="The log of that life ends with worker_failed and the reason; killed by the system, it just ends.",
    )
    memory_bytes = GaugeOf(
        "audio_memory_bytes",
        "Memory of the worker with its decoders, or of its control group where that has the limit.",
        unit="bytes",
        advice="Near audio_memory_limit_bytes: fewer clips in flight, a smaller cache, or more memory.",
    )
    memory_limit_bytes = GaugeOf(
        "audio_memory_limit_bytes",
        "The bound that it works under: AUDIO_MEMORY_LIMIT, its control group's, or all memory of the machine.",
        unit="bytes",
        advice="The machine's where a smaller one was meant: the limit is not set.",
    )
    state_disk_free_bytes = GaugeOf(
        "audio_state_disk_free_bytes",
        "Free on the file system of AUDIO_STATE_DIR.",
        unit="bytes",
        advice="Little: each partition's table takes as much as AUDIO_CACHE_SIZE; or something else fills the disk.",
    )
    state_disk_bytes = GaugeOf(
        "audio_state_disk_bytes",
        "Size of the file system of AUDIO_STATE_DIR.",
        unit="bytes",
        advice="Not the volume that was meant: look at AUDIO_STATE_DIR and at the mounts.",
    )
    log_lines_dropped = CounterOf(
        "audio_log_lines_dropped_total",
        "Lines of the log that were not written, because nobody reads standard error or its disk is full.",
        unit="lines",
        advice="Whatever collects the log stands still. The worker goes on; what it tells is lost.",
    )
