import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from streams.logs import RateLimit, configure_logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_our_lines_and_the_libraries_lines_are_json_objects(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger("ours").info("compressed", call="c-1", partition=3)
    logging.getLogger("faust.app").warning("about %s", "something")
    logging.getLogger("faust.app").info("not shown")
    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert ours["event"] == "compressed"
    assert (ours["call"], ours["partition"], ours["level"]) == ("c-1", 3, "info")
    assert theirs["event"] == "about something"
    assert theirs["logger"] == "faust.app"


def line(logger: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord(logger, level, "", 0, "broker %s is away", ("x",), None)


def test_a_client_librarys_repetitions_are_held_back_and_counted() -> None:
    now = [100.0]
    limit = RateLimit(10, clock=lambda: now[0])
    assert limit.filter(line("aiokafka.conn"))
    assert not limit.filter(line("aiokafka.conn"))
    assert not limit.filter(line("aiokafka.conn"))
    assert limit.filter(line("aiokafka.conn", logging.ERROR))
    assert limit.filter(line("streams.delivery"))
    now[0] = 111.0
    later = line("aiokafka.conn")
    assert limit.filter(later)
    assert later.repeated == 2  # type: ignore[attr-defined]


def test_what_it_remembers_is_bounded() -> None:
    limit = RateLimit(10, clock=lambda: 100.0)
    for number in range(5000):
        limit.filter(logging.LogRecord("faust.app", logging.WARNING, "", 0, f"never twice {number}", None, None))
    assert len(limit._seen) <= 1000  # noqa: SLF001  nothing else shows it
