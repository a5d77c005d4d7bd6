"""Shows what a worker is made of and what it has left, at the moment of each look."""

import platform
import shutil
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streams.runtime.exit_log import ExitLog
from streams.runtime.memory import MemoryGauge
from streams.runtime.readiness import Readiness
from streams.telemetry.metrics import Metrics

#: What the distribution is called, where it is installed.
_DISTRIBUTION = "hotel-audio-streams"


def versions() -> dict[str, str]:
    """Versions of the product and of what its delivery rests on."""
    return {
        "version": _version(_DISTRIBUTION),
        "python": platform.python_version(),
        "faust": _version("faust-streaming"),
        "aiokafka": _version("aiokafka"),
    }


def show_process_metrics(metrics: Metrics, memory: MemoryGauge, state_dir: Path, exits: ExitLog) -> None:
    """Let the metrics tell of versions, memory, disk and the ends of former lives.

    Args:
        metrics: Where they are shown.
        memory: Reads the memory.
        state_dir: On the file system that is shown.
        exits: Already read.
    """
    metrics.build.info(versions())
    metrics.memory_bytes.set_function(lambda: memory.usage().used)
    metrics.memory_limit_bytes.set_function(lambda: memory.usage().limit)
    metrics.state_disk_free_bytes.set_function(lambda: shutil.disk_usage(state_dir).free)
    metrics.state_disk_bytes.set_function(lambda: shutil.disk_usage(state_dir).total)
    for reason, count in exits.counts.items():
        metrics.exits.labels(reason).inc(count)


def show_readiness(metrics: Metrics, readiness: Readiness) -> None:
    """Let the metrics tell which conditions of readiness hold."""
    for condition in readiness:
        metrics.ready.labels(condition).set_function(partial(readiness.holds, condition))


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # run from a source tree
        return "source"
