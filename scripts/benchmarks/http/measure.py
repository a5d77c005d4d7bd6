"""The bench of the HTTP API: processes of it, who asks them from many addresses, and a broker, on this machine."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from schemas import MediaType, RawAudio
from schemas.topics import RAW
from scripts.benchmarks.http.lasting import Overload, Rebuild, known_elsewhere, overloaded, rebuilt, visible
from scripts.benchmarks.http.open_loop import Load, Row, measured, median_row
from scripts.benchmarks.http.sending import ACCEPTED, FOUND, LARGE, SMALL, Recordings
from scripts.benchmarks.http.server import Server
from scripts.cli import Cluster
from streams.clients import RawAudioProducer
from streams.clients.errors import HotelAudioError

_RATES = ((SMALL, 300), (SMALL, 1000), (LARGE, 60))
_GETS, _RANGES, _MIX = 200, 200, 1000  # requests a second
_SHARE_OF_POSTS = 0.05
_RESULTS = 2000  # recordings that are asked for
_RANGE = {"Range": "bytes=1000-8999"}
_PARTIAL = 206
_IDLE = 3.0  # seconds
#: Steps of a bench, for its progress.
STEPS = 2 * len(_RATES) + 3 + 3


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured.

    Attributes:
        rows: The routes, and the producer alone.
        overload: Under twice the load that the process can take.
        rebuild: Of the index, from the topics.
        visible: Milliseconds from a result's commit until the API has it.
        known_elsewhere: Milliseconds of a process to answer with what another one has just accepted; None where
            there is no other.
        idle_cpu: Processor time of the processes while nobody asks, in parts of a core.
        idle_mb: Memory of the largest one then.
    """

    rows: list[Row]
    overload: Overload
    rebuild: Rebuild
    visible: dict[str, float]
    known_elsewhere: dict[str, float] | None
    idle_cpu: float
    idle_mb: int


async def measure(
    cluster: Cluster, directory: Path, *, processes: int, rounds: int, seconds: float, done: Callable[[], None]
) -> Figures:
    """Measure all routes, and the bare producer beside them.

    Args:
        cluster: The brokers and the topics.
        directory: For the processes' state and logs.
        processes: Of the API.
        rounds: How often each row is measured; the medians are reported.
        seconds: Of each round.
        done: Called after each step.
    """
    server = Server(cluster, directory, processes)
    recordings = Recordings(server)
    await server.start()
    rows: list[Row] = []
    try:
        idle_mb, idle_cpu = server.resident() // 2**20, await _idle_cpu(server)
        async for load in _loads(server, recordings):
            rows.append(await _row(load, rounds, seconds, server.cpu))
            done()
        delays = await visible(server, recordings)
        elsewhere = await known_elsewhere(server, recordings) if processes > 1 else None
        done()
        overload = await overloaded(server, recordings, seconds)
        done()
        rebuild = await rebuilt(server, len(recordings.accepted) + len(recordings.done))
        done()
    finally:
        await server.stop()
    async with RawAudioProducer(cluster.connection, server.topic(RAW)) as producer:
        for size, rate in _RATES:
            rows.append(await _row(_bare(producer, size, rate), rounds, seconds, time.process_time))
            done()
    return Figures(rows, overload, rebuild, delays, elsewhere, idle_cpu, idle_mb)


async def _row(load: Load, rounds: int, seconds: float, cpu: Callable[[], float]) -> Row:
    return median_row([(await measured(load, seconds, cpu))[0] for _ in range(rounds)])


async def _idle_cpu(server: Server) -> float:
    before = server.cpu()
    await asyncio.sleep(_IDLE)
    return round((server.cpu() - before) / _IDLE, 3)


async def _loads(server: Server, recordings: Recordings) -> AsyncIterator[Load]:
    """All routes; what is posted first is asked for afterwards."""
    accepted = frozenset({ACCEPTED})
    for size, rate in _RATES:
        yield Load(f"POST /v1/recordings, {size // 2**10} KB", rate, recordings.posting(size), accepted)
    await recordings.finish_some(server, _RESULTS)
    yield Load("GET /v1/recordings/{id}", _GETS, recordings.getting("", {}), frozenset({FOUND}))
    yield Load(
        "GET /v1/recordings/{id}/audio, Range", _RANGES, recordings.getting("/audio", _RANGE), frozenset({_PARTIAL})
    )
    yield Load("95 % GET by id, 5 % POST", _MIX, recordings.mixed(_SHARE_OF_POSTS), accepted | {FOUND})


def _bare(producer: RawAudioProducer, size: int, rate: int) -> Load:
    """The same records by the producer alone."""
    body = random.Random(7).randbytes(size)  # noqa: S311  no secret

    async def send(number: int) -> int:
        call = f"call-{number % 1000}"
        try:
            await producer.send(RawAudio(str(number), "urn:bench", "bench", call, MediaType("audio/PCMU"), body))
        except HotelAudioError:
            return 0
        return ACCEPTED

    return Load(f"producer alone, {size // 2**10} KB", rate, send, frozenset({ACCEPTED}))
