"""How long the console's pages take in a real browser, on an API process that knows many recordings."""

import asyncio
import gzip
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from aiokafka import AIOKafkaProducer
from playwright.async_api import BrowserContext, Playwright, async_playwright

import streams.console
from schemas import MediaType, Position, RawAudio, Record
from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.http.sending import result_of, wait_until_done
from scripts.benchmarks.http.server import Server
from scripts.benchmarks.players.samples import sample
from scripts.cli import Cluster
from streams.api.index.identity import recording_id
from streams.api.routes.uploads import SOURCE

_CHROMIUM = "/usr/bin/chromium"
_APART_MS, _SEGMENTS, _HOTELS = 36, 10, 50  # 100,000 recordings are those of the last hour
_RATE, _SECONDS = 8000, 4
_AT_A_TIME = 1000  # records in flight
#: Pages that are loaded, for a progress bar.
PAGES = 7
_STATIC = Path(*streams.console.__path__) / "static"
_TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const all = [page, ...performance.getEntriesByType("resource").filter((one) => one.initiatorType !== "audio")];
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return [paint?.startTime, page.loadEventEnd, all.length, all.reduce((sum, one) => sum + one.transferSize, 0)];
}"""
_HAS_TIMES = """() => performance.getEntriesByType("navigation")[0].loadEventEnd > 0
  && performance.getEntriesByName("first-contentful-paint").length > 0"""


@dataclass(frozen=True, slots=True)
class View:
    """A page in a browser.

    Attributes:
        page: Its name.
        cache: ``cold`` with a new profile of the browser, ``warm`` when it is loaded again.
        paint_ms: From the navigation to the first content.
        load_ms: From the navigation until all is loaded.
        requests: For the page, its scripts and styles.
        kb: What came over the network for them.
    """

    page: str
    cache: str
    paint_ms: float
    load_ms: float
    requests: int
    kb: float


@dataclass(frozen=True, slots=True)
class FirstViews:
    """All pages, each cold and warm.

    Attributes:
        rows: The pages; medians of the rounds.
        recordings: Recordings in the index.
        static_kb: Scripts and styles of all pages, compressed.
    """

    rows: list[View]
    recordings: int
    static_kb: float


async def measure_views(
    cluster: Cluster, directory: Path, recordings: int, rounds: int, done: Callable[[], None]
) -> FirstViews:
    """Fill the topics, and load each page.

    Args:
        cluster: The brokers and the topics.
        directory: For the process's state and log, and the browser's profiles.
        recordings: So many, each with its result.
        rounds: How often each page is loaded with a new profile, and again.
        done: Called after each page.
    """
    server = Server(cluster, directory, keys=False)
    async with server.producer() as producer:
        last = await _fill(server, producer, recordings)
    await server.start()
    rows: list[View] = []
    try:
        await wait_until_done(server, last)
        async with async_playwright() as playwright:
            for name, path in _pages(recordings, last).items():
                views = [await _views(playwright, directory, server.url + path) for _ in range(rounds)]
                rows += [
                    _row(name, "cold", [cold for cold, _ in views]),
                    _row(name, "warm", [warm for _, warm in views]),
                ]
                done()
    finally:
        await server.stop()
    return FirstViews(rows, recordings, static_kb())


def static_kb() -> float:
    """Scripts and styles of all pages, each compressed, in thousands of bytes."""
    files = [one for one in _STATIC.rglob("*") if one.suffix in (".css", ".js")]
    return round(sum(len(gzip.compress(one.read_bytes())) for one in files) / 1000, 1)


def _pages(recordings: int, last: str) -> dict[str, str]:
    hotel, call = _hotel(recordings - 1), _call(recordings - 1)
    return {
        "calls": "/",
        "calls of a hotel": f"/?hotel={hotel}",
        "a call": f"/calls/{call}?hotel={hotel}&segment={last}",
        "live": "/live",
        "dead letters": "/dead-letters",
        "a policy": f"/policies/{hotel}",
        "estimate": "/estimate",
    }


async def _views(playwright: Playwright, directory: Path, url: str) -> tuple[list[float], list[float]]:
    """The times of a page with a new profile, and of the same page once more."""
    async with _browser(playwright, directory / "profile") as context:
        page = context.pages[0]
        times = []
        for _ in range(2):
            await page.goto(url, wait_until="load")
            await page.wait_for_function(_HAS_TIMES)
            times.append(await page.evaluate(_TIMES))
            await page.goto("about:blank")
        return times[0], times[1]


@asynccontextmanager
async def _browser(playwright: Playwright, profile: Path) -> AsyncIterator[BrowserContext]:
    context = await playwright.chromium.launch_persistent_context(
        profile, executable_path=_CHROMIUM, args=["--no-sandbox"]
    )
    try:
        yield context
    finally:
        await context.close()
        shutil.rmtree(profile, ignore_errors=True)


def _row(name: str, cache: str, times: list[list[float]]) -> View:
    paint, load, requests, size = (median(values) for values in zip(*times, strict=True))
    return View(name, cache, round(paint, 1), round(load, 1), round(requests), round(size / 1000, 1))


async def _fill(server: Server, producer: AIOKafkaProducer, recordings: int) -> str:
    """Write recordings of the last hour with their results; the id of the last one. That of its call can be heard."""
    now = round(1000 * time.time())
    original = sample("WAV pcm", _RATE, 1, _SECONDS).audio
    heard = sample("Opus", _RATE, 1, _SECONDS).audio
    sent: list[asyncio.Future[object]] = []
    for number in range(recordings):
        real = number // _SEGMENTS == (recordings - 1) // _SEGMENTS
        event = RawAudio(
            str(number), SOURCE, _hotel(number), _call(number), MediaType("audio/wav"), original if real else b"-" * 64
        )
        result = result_of(str(number), _hotel(number), _call(number), Position(server.topic(RAW), 0, number))
        records = (
            (RAW, event.to_record()),
            (COMPRESSED, replace(result, audio=heard if real else b"-" * 64).to_record()),
        )
        time_ms = now - (recordings - number) * _APART_MS
        sent += [await _send(producer, server.topic(topic), record, time_ms) for topic, record in records]
        if len(sent) >= _AT_A_TIME:
            await asyncio.gather(*sent)
            sent.clear()
    await asyncio.gather(*sent)
    return recording_id(SOURCE, str(recordings - 1))


async def _send(producer: AIOKafkaProducer, topic: str, record: Record, time_ms: int) -> "asyncio.Future[object]":
    headers = list(record.headers)
    sent: asyncio.Future[object] = await producer.send(
        topic, record.value, record.key, timestamp_ms=time_ms, headers=headers, partition=0
    )
    return sent


def _hotel(number: int) -> str:
    return f"hotel-{number // _SEGMENTS % _HOTELS}"


def _call(number: int) -> str:
    return f"call-{number // _SEGMENTS:08}"
