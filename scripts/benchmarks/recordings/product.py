"""Compresses one recording as a worker does it, in the sandbox and with threads, and prints the figures as JSON.

python -m scripts.benchmarks.recordings.product SOURCE LEVEL THREADS
"""

import json
import os
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemas import MediaType, Rejection
from schemas import media_type as types
from streams.compression import DEFAULT_POLICY
from streams.compression.recordings import compress_recording, in_threads
from streams.sandbox import DecoderSandbox

_INTERVAL = 1.0  # seconds between two looks at the memory; a look costs some milliseconds


class PeakMemory:
    """Watches the memory of this process and of all that descend from it, while it is entered.

    Attributes:
        peak: The largest sum so far in bytes; pages that several processes share are counted for each.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_INTERVAL)
            self.peak = max(self.peak, sum(map(_resident, _family())))


def _family() -> set[int]:
    """This process and its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it has ended
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    family = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _resident(process: int) -> int:
    """Resident memory of a process in bytes."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:  # it has ended
        return 0
    return int(pages) * resource.getpagesize()


def _own_peak() -> int:
    """Largest resident memory of this process in bytes; `getrusage` would count what its parent had when it forked."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main(arguments: list[str]) -> int:
    """Compress a recording; returns the exit code."""
    source, level, threads = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    output = source.with_suffix(".out")
    with DecoderSandbox(1) as sandbox, ThreadPoolExecutor(threads) as executor, PeakMemory() as memory:
        began, cpu = time.perf_counter(), time.process_time()
        made = compress_recording(
            source,
            MediaType(types.WAV),
            output,
            policy=DEFAULT_POLICY,
            level=level,
            open_audio=sandbox.open_recording,
            run_chunks=in_threads(executor, lambda: threads),
        )
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    if isinstance(made, Rejection):
        print(made.message, file=sys.stderr)
        return 1
    figures = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mb": memory.peak / 1e6,
        "worker_peak_mb": _own_peak() / 1e6,
        "size": made.size,
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
