"""The bench of the HTTP API, without an API."""

import asyncio
from pathlib import Path

import pytest

from scripts.benchmarks.http.client import Client
from scripts.benchmarks.http.first_view import static_kb
from scripts.benchmarks.http.index_size import measure_index
from scripts.benchmarks.http.lasting import _taken
from scripts.benchmarks.http.open_loop import Load, Row, measured, median_row

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_times_count_from_when_a_request_was_due_and_slow_answers_hold_nothing_up() -> None:
    waiting = asyncio.Event()
    asked: list[int] = []

    async def send(number: int) -> int:
        asked.append(number)
        if len(asked) == 50:
            waiting.set()
        await waiting.wait()
        return 503 if number % 10 == 0 else 202

    row, statuses = await measured(Load("a", 1000, send, frozenset({202})), 0.05, lambda: 0.0)
    assert statuses == {202: 45, 503: 5}
    assert (row.errors, row.rate, row.cpu_ms) == (5, 1000, 0.0)
    assert row.p99_ms >= 40  # the first one waited for the last one, which was due after 49 ms


def test_the_rows_of_rounds_become_one() -> None:
    rows = [Row("a", 10, p50, 2.0, 3.0, errors, 0.1, 0.2) for p50, errors in ((5.0, 0), (1.0, 2), (3.0, 1))]
    assert median_row(rows) == Row("a", 10, 3.0, 2.0, 3.0, 3, 0.1, 0.2)


async def test_all_who_ask_as_fast_as_they_can_are_counted() -> None:
    async def post(_: int) -> int:
        await asyncio.sleep(0.01)
        return 202

    assert await _taken(post, 0.2) > 64 / 0.2  # each of them more than once


async def test_requests_come_from_their_addresses_and_one_without_an_answer_is_zero() -> None:
    peers: set[str] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername")[0])
        while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /fine "):
            writer.write(ANSWER[:20])
            await asyncio.sleep(0)
            writer.write(ANSWER[20:])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client(server.sockets[0].getsockname()[1])
    found = await asyncio.gather(*(client.ask(f"127.0.1.{1 + n % 3}", "GET", "/fine", {}) for n in range(9)))
    assert {(one.status, one.body) for one in found} == {(200, b"ok")}
    assert peers == {"127.0.1.1", "127.0.1.2", "127.0.1.3"}
    assert (await client.ask("127.0.1.1", "GET", "/other", {})).status == 0
    client.close()
    server.close()


def test_an_index_is_filled_and_asked(tmp_path: Path) -> None:
    done: list[int] = []
    size = measure_index(tmp_path, 2500, done.append)
    assert (size.rows, done) == (2500, [1000, 2000, 2500])
    assert size.megabytes == pytest.approx(1, abs=1)
    assert 0 < size.get_p50_us <= size.get_p99_us


def test_scripts_and_styles_of_the_console_are_small() -> None:
    assert 0 < static_kb() <= 60
