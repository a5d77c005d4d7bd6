"""Process metrics: versions, memory, disk, exit history and readiness, read when Prometheus scrapes them."""

import platform
import shutil
from functools import partial
from pathlib import Path

from streams.runtime.exit_log import ExitLog
from streams.runtime.memory import MemoryGauge
from streams.runtime.readiness import Readiness
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.process import ProcessMetrics
from streams.telemetry.product_version import version_of


def versions() -> dict[str, str]:
    """Versions of the product, Python, Faust and aiokafka."""
    return {
        "version": version_of(),
        "python": platform.python_version(),
        "faust": version_of("faust-streaming"),
        "aiokafka": version_of("aiokafka"),
    }


def show_process_metrics(metrics: Metrics, memory: MemoryGauge, state_dir: Path, exits: ExitLog) -> None:
    """Connect the metrics of versions, memory, disk and previous exits to their values.

    Args:
        metrics: The worker's metrics.
        memory: Reads the memory.
        state_dir: A directory on the file system to show.
        exits: The exit history, already read.
    """
    metrics.build.info(versions())
    metrics.memory_bytes.set_function(lambda: memory.usage().used)
    metrics.memory_limit_bytes.set_function(lambda: memory.usage().limit)
    metrics.state_disk_free_bytes.set_function(lambda: shutil.disk_usage(state_dir).free)
    metrics.state_disk_bytes.set_function(lambda: shutil.disk_usage(state_dir).total)
    for reason, count in exits.counts.items():
        metrics.exits.labels(reason).inc(count)


def show_readiness(metrics: ProcessMetrics, readiness: Readiness) -> None:
    """Connect the metric of each readiness condition to its value."""
    for condition in readiness:
        metrics.ready.labels(condition).set_function(partial(readiness.holds, condition))
