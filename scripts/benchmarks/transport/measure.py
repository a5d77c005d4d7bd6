"""Processor time of two workers that do the same, on a Kafka in clear and on one with TLS and SCRAM."""

import asyncio
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from infra.kafka.secure import ADMIN
from schemas import MediaType, RawAudio
from schemas.media_type import L16
from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.streaming import systems
from scripts.benchmarks.streaming.runs import running
from scripts.benchmarks.streaming.speech import LOSSLESS
from scripts.benchmarks.streaming.systems import WORKER_SETTINGS, cpu_seconds
from scripts.cli import Cluster
from scripts.demonstration import synthesis
from scripts.processes import secure_kafka
from scripts.processes.worker_process import WorkerProcess
from streams.clients import CompressedAudioConsumer, RawAudioProducer
from streams.kafka.topics import apply_topics

WAYS = ("in clear", "TLS and SCRAM")
_ROLE = "worker"
_GROUP = "bench"
_CALLS = 16
_SAMPLES = 16_000  # 32 KB, 2 s at 8 kHz
_PATIENCE_S = 120.0
_US = 1e6


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of a worker's processor time for a record, by round.

    Attributes:
        clear: In clear.
        secure: With TLS and SCRAM, in the same rounds.
    """

    clear: list[float]
    secure: list[float]

    @property
    def added(self) -> float:
        """What TLS and SCRAM add: the median of the rounds' differences."""
        return statistics.median(secure - clear for clear, secure in zip(self.clear, self.secure, strict=True))


def measure(
    directory: Path, records: int, rounds: int, say: Callable[[str], None], advance: Callable[[], None]
) -> Costs:
    """Let both workers compress the same records in turns, after a round that does not count.

    Args:
        directory: Directory for Kafka, state and logs.
        records: Number of records of a round.
        rounds: Number of rounds.
        say: Called with a line before slow steps.
        advance: Called after each round of either.

    Raises:
        LocalKafkaError: If a Kafka does not start.
        ProcessError: If a worker ends, does not start, or leaves results out.
    """
    with ExitStack() as started:
        sides = [_side(directory / way.replace(" ", "-"), way, started, say) for way in WAYS]
        found: list[list[float]] = [[], []]
        for number in range(rounds + 1):
            for side, costs in zip(sides, found, strict=True):
                costs.append(microseconds(*side, number, records))
                advance()
    return Costs(found[0][1:], found[1][1:])


def _side(directory: Path, way: str, started: ExitStack, say: Callable[[str], None]) -> tuple[Cluster, WorkerProcess]:
    secure = way == WAYS[1]
    local = LocalCluster(directory / "kafka", 1, free_ports(1), say, accounts=[_ROLE] if secure else None)
    started.callback(local.stop)
    local.start()
    plain = {"KAFKA_BOOTSTRAP_SERVERS": local.bootstrap_servers}
    admin = secure_kafka.connection(secure_kafka.variables(local, ADMIN) if secure else plain)
    cluster = Cluster(admin, "", _GROUP)
    asyncio.run(apply_topics(admin, cluster.prefix, cluster.group))
    if secure:
        asyncio.run(secure_kafka.grant_roles(local, {_ROLE: _ROLE}, cluster.prefix, cluster.group))
    connection = secure_kafka.variables(local, _ROLE) if secure else plain
    return cluster, ready_worker(cluster, directory, connection, started)


def ready_worker(cluster: Cluster, directory: Path, settings: Mapping[str, str], started: ExitStack) -> WorkerProcess:
    """Start a worker at the lossless level, which has the least other work, and wait until it is ready.

    Args:
        cluster: Its topics and its group.
        directory: Directory for its state and log.
        settings: Further environment variables.
        started: Stops it at its end.
    """
    process = systems.worker(cluster, LOSSLESS, directory, {**WORKER_SETTINGS, **settings})
    started.enter_context(running(process))
    process.wait_until_ready()
    return process


def microseconds(cluster: Cluster, worker: WorkerProcess, number: int, records: int) -> float:
    """Microseconds of a worker's processor time for a record, in one round.

    Args:
        cluster: What reaches its topics, with all rights.
        worker: The worker.
        number: Of the round: no two have the same audio.
        records: Number of records of the round.

    Raises:
        ProcessError: If it has ended, or leaves results out.
    """
    try:
        return _US * asyncio.run(_round(cluster, worker, number, records)) / records
    except TimeoutError:
        worker.require_alive()
        raise worker.error(f"has not sent {records} results within {_PATIENCE_S:g} s") from None


async def _round(cluster: Cluster, worker: WorkerProcess, number: int, records: int) -> float:
    """Send records and wait for their results; returns the processor seconds meanwhile."""
    async with (
        asyncio.timeout(_PATIENCE_S),
        CompressedAudioConsumer(cluster.connection, cluster.topic(COMPRESSED), from_beginning=False) as results,
        RawAudioProducer(cluster.connection, cluster.topic(RAW)) as producer,
    ):
        before = cpu_seconds(worker.pid)
        sent = [await producer.send_soon(event) for event in events(number, records)]
        for _ in range(records):
            await anext(results)
        await asyncio.gather(*sent)
        return cpu_seconds(worker.pid) - before


def events(number: int, records: int) -> Iterator[RawAudio]:
    """Segments of which no two have the same audio; the same for both workers."""
    samples = synthesis.speech(_SAMPLES / synthesis.RATE, speaker=number).samples[:, 0]
    for index in range(records):
        yield RawAudio(
            id=f"{number}-{index}",
            source="/hotel-audio-streams/bench",
            hotel_id="seaside",
            call_id=f"bench-{number}-{index % _CALLS}",
            media_type=MediaType(L16, (("rate", str(synthesis.RATE)), ("channels", "1"))),
            audio=np.roll(samples, 7 * index).astype(">i2").tobytes(),
            time=datetime.now(UTC),
            sequence=index // _CALLS,
        )
