"""One run of one system, from the time its records become visible to the last result."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.streaming.kafka import PARTITIONS, fresh_topics
from scripts.benchmarks.streaming.records import CALLS, Backlog, messages
from scripts.benchmarks.streaming.results import Results
from scripts.benchmarks.streaming.speech import LEVELS, Segment
from scripts.benchmarks.streaming.systems import CEILINGS, SYSTEMS, cpu_seconds, peer_arguments
from scripts.cli import Cluster
from scripts.processes.module_process import (
    IMPORTED_FROM,
    ModuleProcess,
    ProcessError,
    module_command,
    module_environment,
)

#: Two records for each call, which warm up every thread and every partition.
WARM_UP = 2 * CALLS
_START_S = 90.0
_PATIENCE_S = 60.0
_SETTLE_S = 0.5  # between the last result of the warm-up and the start
_SURPLUS_S = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """Callbacks for progress.

    Attributes:
        say: Called with a line before long steps, and on errors that do not affect the run.
        begin: Called with the next measurement.
        advance: Called with the number of further finished records.
    """

    say: Callable[[str], None]
    begin: Callable[[str], None]
    advance: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class RunSetup:
    """The setup of a run, the same for every system.

    Attributes:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        segments: The audio of the records.
        level: Name of the level.
        records: Number of measured records.
        directory: Directory for state and logs.
        progress: Callbacks for progress.
    """

    bootstrap_servers: str
    segments: Sequence[Segment]
    level: str
    records: int
    directory: Path
    progress: Progress


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of a run.

    Attributes:
        cpu_s: Processor seconds, user and system, of all threads and children.
        wall_s: Wall-clock seconds.
        files: Checksum of each result, by its record's number.
    """

    cpu_s: float
    wall_s: float
    files: dict[int, int]


def measure(system: str, setup: RunSetup) -> Measured:
    """Run a system once, on new topics.

    Start-up is excluded in the same way for all: a system first gets some records to warm up. After their results and
    a pause, all other records become visible at once. The measurement lasts from there to the last result that a
    ``read_committed`` consumer sees.

    Args:
        system: One of `SYSTEMS` or `CEILINGS`.
        setup: Brokers, records and directory.

    Raises:
        ProcessError: If it ends, or does not start.
        ResultsError: If it does not give every record one result.
    """
    with ExitStack() as ending:
        cluster = ending.enter_context(fresh_topics(setup.bootstrap_servers, setup.progress.say))
        backlog = Backlog(setup.bootstrap_servers, cluster.topic(RAW), PARTITIONS)
        backlog.put(messages(setup.segments, setup.level, 0, WARM_UP))
        backlog.release()
        backlog.put(messages(setup.segments, setup.level, WARM_UP, setup.records))
        if system in CEILINGS:
            found = _ceiling(system, cluster, setup)
            backlog.release()
            return found
        process = SYSTEMS[system].make(cluster, setup.level, setup.directory / cluster.group)
        return _through_kafka(process, cluster, backlog, setup)


def _through_kafka(process: ModuleProcess, cluster: Cluster, backlog: Backlog, setup: RunSetup) -> Measured:
    with running(process), _results(cluster) as results:
        results.wait(WARM_UP, _START_S, _ignore, process.require_alive)
        time.sleep(_SETTLE_S)
        cpu, wall = cpu_seconds(process.pid), time.perf_counter()
        backlog.release()
        results.wait(WARM_UP + setup.records, _PATIENCE_S, setup.progress.advance, process.require_alive)
        wall, cpu = time.perf_counter() - wall, cpu_seconds(process.pid) - cpu
        results.require_no_more(_SURPLUS_S)
    return Measured(cpu, wall, {number: file for number, file in results.files.items() if number >= WARM_UP})


def _ceiling(work: str, cluster: Cluster, setup: RunSetup) -> Measured:
    words = [
        *peer_arguments(cluster, setup.directory).as_arguments(),
        "--work",
        work,
        "--level",
        str(LEVELS[setup.level]),
    ]
    words += ["--warm-up", str(WARM_UP), "--records", str(setup.records)]
    done = subprocess.run(
        module_command("scripts.benchmarks.streaming.peers.in_memory", words),
        env=module_environment({}),
        cwd=IMPORTED_FROM,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ProcessError(f"the {work} ended with exit code {done.returncode}:\n{done.stderr}")
    answer = json.loads(done.stdout)
    setup.progress.advance(setup.records)
    return Measured(answer["cpu_s"], answer["wall_s"], {int(number): file for number, file in answer["files"].items()})


@contextmanager
def running(process: ModuleProcess) -> Iterator[ModuleProcess]:
    """Start a process; it is stopped at the end of the context."""
    process.start()
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def _results(cluster: Cluster) -> Iterator[Results]:
    results = Results(cluster.bootstrap_servers, cluster.topic(COMPRESSED), PARTITIONS)
    try:
        yield results
    finally:
        results.close()


def _ignore(_count: int) -> None:
    """Ignore progress: the warm-up does not count."""
