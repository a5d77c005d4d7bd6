"""Reads a running worker's metrics, and its use of resources from the operating system."""

import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from scripts.processes.worker_process import WorkerProcess

_ANSWER_S = 10.0
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Transactions:
    """The transactions of a worker so far.

    Attributes:
        count: Transactions.
        open_s: Sum of the seconds that they were open.
    """

    count: float
    open_s: float

    def __add__(self, other: "Transactions") -> "Transactions":
        return Transactions(self.count + other.count, self.open_s + other.open_s)

    def __sub__(self, other: "Transactions") -> "Transactions":
        return Transactions(self.count - other.count, self.open_s - other.open_s)


def metrics(worker: WorkerProcess) -> Mapping[str, float]:
    """Every metric of a worker by its name, summed over its labels; 0 without a series."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=_ANSWER_S) as answer:  # nosec B310 # HTTP alone
        text = answer.read().decode()
    found: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] += sample.value
    return found


def transactions(worker: WorkerProcess) -> Transactions:
    """Read the number and duration of a worker's transactions from its metrics."""
    found = metrics(worker)
    return Transactions(found["audio_transaction_seconds_count"], found["audio_transaction_seconds_sum"])


def peak_bytes(pid: int) -> int:
    """Peak resident memory of a process and its children, summed; shared pages count for each."""
    process = psutil.Process(pid)
    return sum(_high_water(member.pid) for member in (process, *process.children(recursive=True)))


def _high_water(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * _KIB
