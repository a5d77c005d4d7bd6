"""All compared systems: our worker, its peers, and the upper bounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from infra.kafka.ports import free_ports
from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.streaming.kafka import PARTITIONS
from scripts.benchmarks.streaming.peers.arguments import Arguments
from scripts.benchmarks.streaming.speech import LEVELS
from scripts.cli import Cluster
from scripts.processes.module_process import ModuleProcess
from scripts.processes.worker_process import MODULE, WorkerProcess

_PARTITIONING = "scripts.benchmarks.streaming.partitioning"
_PEERS = "scripts.benchmarks.streaming.peers"

#: A backlog has lag from the start: with the default objective, the worker would spend less effort on it.
WORKER_SETTINGS = {"AUDIO_LAG_OBJECTIVE": "24h"}


@dataclass(frozen=True, slots=True)
class System:
    """A compared system that reads records from Kafka.

    Attributes:
        settings: Its settings that are not defaults, in one line.
        make: Makes its process, not yet started, for a cluster, a level's name and a directory.
    """

    settings: str
    make: Callable[[Cluster, str, Path], ModuleProcess]


def worker(
    cluster: Cluster,
    level: str,
    directory: Path,
    settings: Mapping[str, str] = WORKER_SETTINGS,
    partitions: int = PARTITIONS,
) -> WorkerProcess:
    """Our worker, not yet started.

    Args:
        cluster: Its topics and its group.
        level: Name of its level.
        directory: Directory for its state and log.
        settings: Further environment variables.
        partitions: Number of partitions of each topic.
    """
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "AUDIO_TOPIC_PREFIX": cluster.prefix,
        "AUDIO_GROUP": cluster.group,
        "AUDIO_STATE_DIR": str(directory / "state"),
        "AUDIO_HTTP_PORT": str(free_ports(1)),
        "AUDIO_COMPRESSION_LEVEL": str(LEVELS[level]),
        **settings,
    }
    if partitions == PARTITIONS:
        return WorkerProcess(variables, directory / "worker.log")
    return WorkerProcess(variables, directory / "worker.log", _PARTITIONING, (str(partitions), MODULE))


def _settings_line(settings: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())


def peer_arguments(cluster: Cluster, directory: Path) -> Arguments:
    """The command-line arguments of a peer."""
    return Arguments(
        cluster.bootstrap_servers,
        cluster.group,
        cluster.topic(RAW),
        cluster.topic(COMPRESSED),
        directory / "state",
    )


def _peer(module: str, *options: str) -> Callable[[Cluster, str, Path], ModuleProcess]:
    def make(cluster: Cluster, _level: str, directory: Path) -> ModuleProcess:
        words = [*peer_arguments(cluster, directory).as_arguments(), *options]
        return ModuleProcess(f"{_PEERS}.{module}", {}, directory / f"{module}.log", words)

    return make


def _quix(guarantee: str, commit_interval: str) -> System:
    return System(
        f"processing_guarantee={guarantee}, commit_interval={commit_interval}",
        _peer("quix", "--guarantee", guarantee, "--commit-interval", commit_interval),
    )


OURS, CODEC, PRODUCT = "ours", "codec", "product"
SYSTEMS: Mapping[str, System] = {
    OURS: System(f"exactly once; nothing cached; {_settings_line(WORKER_SETTINGS)}", worker),
    "confluent": System(
        "at least once; librdkafka's defaults, a pool with 128 records at most, offsets committed once a second",
        _peer("confluent_loop"),
    ),
    "confluent-eos": System(
        "exactly once; linger.ms=0, retry.backoff.ms=10, a pool with 128 records at most, one transaction at a time",
        _peer("confluent_eos"),
    ),
    # Quix's default is 5 s; for exactly-once it recommends less, because results are invisible before a commit.
    "quix-alo": _quix("at-least-once", "5.0"),
    "quix-eos": _quix("exactly-once", "1.0"),
    "faust": System("at least once; Faust's defaults, codec call in a pool, each send awaited", _peer("faust_agent")),
}
CEILINGS = {
    CODEC: "no Kafka: the codec call in a pool, on records in memory",
    PRODUCT: "no Kafka: all that the worker's pool does with a record, from contract to headers, on records in memory",
}
"""Upper bounds, with a description of each."""


def cpu_seconds(pid: int) -> float:
    """Processor seconds so far, user and system, of all threads of a process and its children."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    times = [member.cpu_times() for member in family]
    return sum(time.user + time.system + time.children_user + time.children_system for time in times)
