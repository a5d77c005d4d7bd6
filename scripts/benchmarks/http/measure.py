"""The bench of the HTTP API: one process of it, one of its clients, and a broker, on this machine."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil

from infra.kafka.ports import free_ports
from schemas import MediaType, RawAudio
from schemas.topics import RAW
from scripts.benchmarks.http.open_loop import Row, measured
from scripts.commands import api
from scripts.processes.module_process import ModuleProcess
from streams.clients import RawAudioProducer
from streams.clients.errors import HotelAudioError
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics

SMALL, LARGE = 32 * 2**10, 320 * 2**10  # bytes of a body
_RATES = ((SMALL, 300), (SMALL, 1000), (LARGE, 60))
_GETS, _RANGES, _MIX = 500, 200, 1000  # requests a second
_SHARE_OF_POSTS = 0.05
_READY_WITHIN = 60.0  # seconds
#: Rows of a bench, for its progress.
ROWS = 2 * len(_RATES) + 3


async def measure(servers: str, directory: Path, seconds: float, done: Callable[[], None]) -> list[Row]:
    """Measure all routes, and the bare producer beside them.

    Args:
        servers: The brokers.
        directory: For the process's state and log.
        seconds: Of each row.
        done: Called after each row.
    """
    prefix, group = f"bench-{secrets.token_hex(4)}.", "bench-http"
    await apply_topics(KafkaConnection(servers), prefix, group)
    port = free_ports(1)
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "AUDIO_TOPIC_PREFIX": prefix,
        "AUDIO_GROUP": group,
        "AUDIO_STATE_DIR": str(directory / "state"),
        "AUDIO_API_PORT": str(port),
        "AUDIO_HTTP_HOST": "127.0.0.1",
    }
    rows: list[Row] = []
    process = ModuleProcess(api.__name__, settings, directory / "api.log")
    process.start()
    try:
        async with _session(port, process) as session:
            asking = _Asking(session, psutil.Process(process.pid), seconds)
            async for row in asking.rows():
                rows.append(row)
                done()
    finally:
        await asyncio.to_thread(process.stop)
    for size, rate in _RATES:
        rows.append(await _bare(servers, f"{prefix}{RAW}", size, rate, seconds))
        done()
    return rows


@asynccontextmanager
async def _session(port: int, process: ModuleProcess) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session:
        deadline = time.monotonic() + _READY_WITHIN
        while not await _is_ready(session):
            process.require_alive()
            if time.monotonic() > deadline:
                raise process.error("is not ready")
            await asyncio.sleep(0.1)
        yield session


async def _is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/health/ready") as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


class _Asking:
    """Asks one API process."""

    def __init__(self, session: aiohttp.ClientSession, process: psutil.Process, seconds: float) -> None:
        self._session = session
        self._process = process
        self._seconds = seconds
        self._ids: list[str] = []
        self._chance = random.Random(7)  # noqa: S311  which recording is asked for is no secret

    async def rows(self) -> AsyncIterator[Row]:
        """Measure each route; what is posted first is asked for afterwards."""
        for size, rate in _RATES:
            body = self._chance.randbytes(size)
            yield await self._row(f"POST /v1/recordings, {size // 2**10} KB", rate, self._posts(body))
        yield await self._row("GET /v1/recordings/{id}", _GETS, lambda _: self._get("", {}, 200))
        part = {"Range": "bytes=1000-8999"}
        yield await self._row(
            "GET /v1/recordings/{id}/original, Range", _RANGES, lambda _: self._get("/original", part, 206)
        )
        post = self._posts(self._chance.randbytes(SMALL))
        yield await self._row("95 % GET, 5 % POST", _MIX, lambda number: self._mixed(post, number))

    async def _row(self, route: str, rate: int, send: Callable[[int], Awaitable[bool]]) -> Row:
        return await measured(route, rate, self._seconds, send, self._cpu)

    def _posts(self, body: bytes) -> Callable[[int], Awaitable[bool]]:
        return lambda _: self._post(body)

    async def _mixed(self, post: Callable[[int], Awaitable[bool]], number: int) -> bool:
        if self._chance.random() < _SHARE_OF_POSTS:
            return await post(number)
        return await self._get("", {}, 200)

    async def _post(self, body: bytes) -> bool:
        parameters = {"hotel": "bench", "call": f"call-{self._chance.randrange(100)}"}
        headers = {"content-type": "audio/PCMU"}
        try:
            async with self._session.post("/v1/recordings", params=parameters, data=body, headers=headers) as answer:
                if answer.status != 202:  # noqa: PLR2004  accepted
                    return False
                self._ids.append((await answer.json())["id"])
        except aiohttp.ClientError:
            return False
        return True

    async def _get(self, what: str, headers: dict[str, str], wanted: int) -> bool:
        path = f"/v1/recordings/{self._chance.choice(self._ids)}{what}"
        try:
            async with self._session.get(path, headers=headers) as answer:
                await answer.read()
                return answer.status == wanted
        except aiohttp.ClientError:
            return False

    def _cpu(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


async def _bare(servers: str, topic: str, size: int, rate: int, seconds: float) -> Row:
    """The same records by the producer alone."""
    body = random.Random(7).randbytes(size)  # noqa: S311  no secret
    async with RawAudioProducer(servers, topic) as producer:

        async def send(number: int) -> bool:
            call = f"call-{number % 100}"
            try:
                await producer.send(RawAudio(str(number), "urn:bench", "bench", call, MediaType("audio/PCMU"), body))
            except HotelAudioError:
                return False
            return True

        return await measured(f"producer alone, {size // 2**10} KB", rate, seconds, send, time.process_time)
