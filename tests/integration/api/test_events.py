"""Readers of events: they go on after a restart, hold nobody up, and cost next to nothing."""

import asyncio
import time

import httpx
import psutil
import pytest

from tests.support.api_process import ApiProcess

READERS = 500
#: More than the requests that are answered at a time.
MANY = 600
SECONDS = 20


async def follow(port: int, last: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin to read events; returns when the head has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    resume = "" if last is None else f"Last-Event-ID: {last}\r\n"
    writer.write(f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{resume}\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    return reader, writer


async def next_id(reader: asyncio.StreamReader) -> int:
    """The id of the next event."""
    while not (line := await reader.readline()).startswith(b"id: "):
        assert line, "the stream has ended"
    return int(line.removeprefix(b"id: "))


async def test_a_reader_goes_on_after_a_restart_without_a_gap(api: ApiProcess) -> None:
    reader, writer = await follow(api.port)
    seen = [await next_id(reader) for _ in range(2)]
    assert seen[1] > seen[0]
    await asyncio.to_thread(api.kill)
    writer.close()
    api.start()
    await asyncio.to_thread(api.wait_until_ready)
    reader, writer = await follow(api.port, seen[1])
    after = [await next_id(reader) for _ in range(3)]
    assert after == list(range(seen[1] + 1, seen[1] + 4))
    writer.close()


@pytest.mark.long
async def test_readers_are_no_requests_in_flight_and_cost_little(api: ApiProcess) -> None:
    connected = [await follow(api.port) for _ in range(MANY)]
    async with httpx.AsyncClient(base_url=api.url, timeout=60) as client:
        assert (await client.get("/v1/recordings")).status_code == 200
        assert f"audio_api_event_readers {MANY}.0" in (await client.get("/metrics")).text
        for _, writer in connected[READERS:]:
            writer.close()
        while f"audio_api_event_readers {READERS}.0" not in (await client.get("/metrics")).text:
            await asyncio.sleep(0.1)
    counts = [0] * READERS

    async def read(number: int, reader: asyncio.StreamReader) -> None:
        while True:
            await next_id(reader)
            counts[number] += 1

    reading = [asyncio.create_task(read(number, one)) for number, (one, _) in enumerate(connected[:READERS])]
    process = psutil.Process(api.pid)
    began, used = time.monotonic(), sum(process.cpu_times()[:2])
    await asyncio.sleep(SECONDS)
    share = (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    for _, writer in connected[:READERS]:
        writer.close()
    print(f"{READERS} readers: {share:.1%} of a core, {min(counts)} to {max(counts)} events each in {SECONDS} s")
    assert min(counts) >= SECONDS // 2
    assert share < 0.15
