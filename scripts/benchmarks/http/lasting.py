"""What takes its time: a result until it is seen, too many requests, and an index that is made anew."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scripts.benchmarks.http.open_loop import Load, Row, measured, percentile_ms
from scripts.benchmarks.http.sending import ACCEPTED, FOUND, SMALL, Recordings, wait_until_done
from scripts.benchmarks.http.server import Server

_AT_A_TIME = 64  # requests, to find out how many the process can take
_COMMITS = 20
_ASKED_ELSEWHERE = 200  # recordings
#: What a process may answer that has too much to do.
_WANTED = frozenset({200, 202, 429, 503})
_LOOK = 0.05  # seconds between two looks at the memory


@dataclass(frozen=True, slots=True)
class Overload:
    """Twice as many recordings as the process can take.

    Attributes:
        row: The rate, and the times of all answers.
        taken: Recordings a second that it can take.
        answers: Answers by their status; 0 for none.
        most_mb: Its memory at most.
    """

    row: Row
    taken: int
    answers: dict[int, int]
    most_mb: int


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The index, made anew.

    Attributes:
        records: Records that were read.
        rate: Records a second.
        cpu_us: Processor time for each, in microseconds.
    """

    records: int
    rate: int
    cpu_us: float


async def visible(server: Server, recordings: Recordings) -> dict[str, float]:
    """How long it takes from the commit of a result until the API has it, in milliseconds."""
    times = []
    keys = recordings.accepted[-_COMMITS:]
    async with server.producer(transactional_id="bench-http") as producer:
        for key in keys:
            async with producer.transaction():
                recording = await recordings.finish(producer, key)
            times.append(await wait_until_done(server, recording))
            recordings.done.append(recording)
    return _percentiles(times)


async def known_elsewhere(server: Server, recordings: Recordings) -> dict[str, float]:
    """How long another process takes to answer with a recording right after its 202, in milliseconds.

    Raises:
        RuntimeError: If it does not know the recording.
    """
    post, times = recordings.posting(SMALL), []
    for number in range(_ASKED_ELSEWHERE):
        await post(number)
        began = time.perf_counter()
        target = f"/v1/recordings/{recordings.id_of(recordings.accepted[-1])}"
        answer = await server.ask(number, "GET", target, process=number + 1)
        times.append(time.perf_counter() - began)
        if answer.status != FOUND:
            raise RuntimeError(f"another process answers {answer.status} for a recording that was accepted")
    return _percentiles(times)


async def overloaded(server: Server, recordings: Recordings, seconds: float) -> Overload:
    """Send twice as many recordings as the process can take."""
    post = recordings.posting(SMALL)
    taken = await _taken(post, seconds)
    rate = max(2 * taken, 1)
    watching = asyncio.create_task(_most_memory(server))
    load = Load(f"POST /v1/recordings, {SMALL // 2**10} KB, twice what it can take", rate, post, _WANTED)
    row, answers = await measured(load, 2 * seconds, server.cpu)
    watching.cancel()
    return Overload(row, taken, dict(sorted(answers.items())), await watching // 2**20)


async def rebuilt(server: Server, records: int) -> Rebuild:
    """Remove the index, and start the process again."""
    await server.stop()
    server.forget_index()
    seconds, cpu = await server.start()
    return Rebuild(records, round(records / seconds), round(1e6 * cpu / records, 1))


async def _taken(post: Callable[[int], Awaitable[int]], seconds: float) -> int:
    """Recordings that are accepted in a second, when the next one is sent as soon as one is answered."""
    until, accepted = time.monotonic() + seconds, 0

    async def again(number: int) -> None:
        nonlocal accepted
        while time.monotonic() < until:
            status = await post(number)  # before the sum is read: others add to it meanwhile
            accepted += status == ACCEPTED

    await asyncio.gather(*(again(number) for number in range(_AT_A_TIME)))
    return round(accepted / seconds)


def _percentiles(times: list[float]) -> dict[str, float]:
    return {f"p{round(100 * share)}_ms": round(percentile_ms(times, share), 1) for share in (0.5, 0.95)}


async def _most_memory(server: Server) -> int:
    most = 0
    try:
        while True:
            most = max(most, server.resident())
            await asyncio.sleep(_LOOK)
    except asyncio.CancelledError:
        return most
