"""The log writer while its output is not read, and afterwards."""

import json
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import structlog

from streams.telemetry.log_writer import LogWriter


class Pipe:
    """A pipe that the test reads explicitly."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def read_until(self, holds: Callable[[list[str]], bool]) -> list[str]:
        text = ""
        deadline = time.monotonic() + 60
        while not text.endswith("\n") or not holds(text.splitlines()):
            ready, _, _ = select.select([self.read_end], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, text[-300:]
            text += os.read(self.read_end, 2**20).decode()
        return text.splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    for end in (made.read_end, made.write_end):
        os.close(end)


def line(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("ours", level, "", 0, text, None, None)


def log_many(writer: LogWriter, count: int, length: int = 1000) -> None:
    for number in range(count):
        writer.handle(line(f"{number:05}".ljust(length - 1)))


def test_lines_come_in_order_from_one_thread_or_several(pipe: Pipe) -> None:
    writer = LogWriter(pipe.write_end)
    threads = [threading.Thread(target=log_many, args=(writer, 20, 20 + size)) for size in range(4)]
    for thread in threads:
        thread.start()
    writer.flush()
    for thread in threads:
        thread.join()
    lines = pipe.read_until(lambda lines: len(lines) == 80)
    for size in range(4):
        assert [int(one) for one in lines if len(one) == 19 + size] == list(range(20))


def test_logging_does_not_wait_for_the_reader_and_dropped_lines_are_counted(pipe: Pipe) -> None:
    writer = LogWriter(pipe.write_end, most=200_000)
    counted: list[int] = []
    writer.count_drops(counted.append)
    began = time.monotonic()
    log_many(writer, 5000)
    assert time.monotonic() - began < 2
    assert writer.dropped == sum(counted) > 4000
    writer.handle(line("the last word", logging.CRITICAL))
    root = logging.getLogger()
    root.addHandler(writer)
    structlog.configure(
        logger_factory=structlog.stdlib.LoggerFactory(), processors=[structlog.processors.JSONRenderer()]
    )
    try:
        lines = pipe.read_until(lambda lines: "log_lines_dropped" in "".join(lines[-1:]))
    finally:
        root.removeHandler(writer)
        structlog.reset_defaults()
    numbers = [int(one) for one in lines[:-2]]
    assert numbers == sorted(numbers)
    assert len(numbers) == 5000 - writer.dropped
    assert lines[-2] == "the last word"
    assert json.loads(lines[-1]) == {"event": "log_lines_dropped", "lines": writer.dropped}


def test_a_flush_waits_for_the_reader_but_not_for_ever(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.telemetry.log_writer.FLUSH_SECONDS", 0.3)
    writer = LogWriter(pipe.write_end)
    writer.handle(line("read at once"))
    writer.flush()
    assert pipe.read_until(bool) == ["read at once"]
    log_many(writer, 1000)
    began = time.monotonic()
    writer.flush()
    assert 0.2 < time.monotonic() - began < 5
    # A writer that still has lines would write them into the next test's pipe, which gets the same descriptors.
    pipe.read_until(lambda lines: len(lines) == 1000)


def test_a_pipe_that_does_not_block_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.write_end, False)
    writer = LogWriter(pipe.write_end)
    log_many(writer, 1000)
    assert [int(one) for one in pipe.read_until(lambda lines: len(lines) == 1000)] == list(range(1000))


def test_without_a_reader_lines_are_dropped() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    writer = LogWriter(write_end)
    log_many(writer, 10)
    writer.flush()
    assert writer.dropped == 10
    os.close(write_end)


def test_a_disk_that_was_full_gets_the_lines_when_it_has_room(pipe: Pipe) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123  a device
        writer = LogWriter(full.fileno(), retry=0.05)
        log_many(writer, 3)
        time.sleep(0.2)
        os.dup2(pipe.write_end, full.fileno())
        assert [int(one) for one in pipe.read_until(lambda lines: len(lines) == 3)] == [0, 1, 2]
        assert writer.dropped == 0
