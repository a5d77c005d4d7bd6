"""Processor time of two workers that do the same, one of which seals."""

import asyncio
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from scripts.benchmarks.transport.measure import microseconds, ready_worker
from scripts.cli import Cluster
from scripts.processes.worker_process import WorkerProcess
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from streams.security.sealing.slot_file import SlotFile


def measure_share(
    directory: Path, records: int, rounds: int, say: Callable[[str], None], advance: Callable[[], None]
) -> dict[str, float]:
    """Let both workers compress the same records in turns, after a round that does not count.

    Args:
        directory: Directory for Kafka, state and logs.
        records: Number of records of a round.
        rounds: Number of rounds.
        say: Called with a line before slow steps.
        advance: Called after each round of either.

    Returns:
        The medians: microseconds for a record in clear and sealed, the difference of the two in a round, and its share
        of what the worker that seals takes.

    Raises:
        LocalKafkaError: If Kafka does not start.
        ProcessError: If a worker ends, does not start, or leaves results out.
    """
    with ExitStack() as started:
        local = LocalCluster(directory / "kafka", 1, free_ports(1), say)
        started.callback(local.stop)
        local.start()
        store = f"file://{SlotFile.make(directory / 'keys').path}"
        sealing = {"AUDIO_SEALING": "on", "AUDIO_KEY_STORE": store}
        in_clear = {"AUDIO_SEALING": "off", "AUDIO_KEY_STORE": f"file://{directory}/none"}
        sides = [_side(directory / f"worker-{n}", local, n, own, started) for n, own in enumerate((in_clear, sealing))]
        found: list[list[float]] = [[], []]
        for number in range(rounds + 1):
            for one in (0, 1) if number % 2 else (1, 0):
                found[one].append(microseconds(*sides[one], number, records))
                advance()
    clear, sealed = (one[1:] for one in found)
    added = [after - before for before, after in zip(clear, sealed, strict=True)]
    shares = [more / whole for more, whole in zip(added, sealed, strict=True)]
    figures = {"in clear": clear, "sealed": sealed, "added": added, "share": shares}
    return {name: statistics.median(values) for name, values in figures.items()}


def _side(
    directory: Path, local: LocalCluster, number: int, own: dict[str, str], started: ExitStack
) -> tuple[Cluster, WorkerProcess]:
    cluster = Cluster(KafkaConnection(local.bootstrap_servers), f"side-{number}.", f"bench-{number}")
    asyncio.run(apply_topics(cluster.connection, cluster.prefix, cluster.group))
    return cluster, ready_worker(cluster, directory, own, started)
