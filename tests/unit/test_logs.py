import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streams.logs import RateLimit, configure_logs
from tests.support.ecs import problems


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [problem for line in lines for problem in problems(line)] == []
    return lines


def test_our_lines_and_the_libraries_lines_are_json_objects(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    structlog.get_logger("ours").info("compressed", call="c-1", partition=3, corrected_type=None)
    logging.getLogger("faust.app").warning("about %s", "something")
    logging.getLogger("faust.app").info("not shown")
    ours, theirs = written(capsys)
    assert (ours["message"], ours["event"], ours["log.level"]) == ("compressed", {"action": "compressed"}, "info")
    assert (ours["audio"], ours["kafka"]) == ({"call": "c-1"}, {"partition": 3})
    assert ours["service"] == {"name": "hotel-audio-streams", "version": "1.2.3"}
    assert (theirs["message"], theirs["log"]) == ("about something", {"logger": "faust.app"})
    assert "event" not in theirs


def test_an_error_has_type_message_and_trace_whoever_reports_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    error = ValueError("no such thing")
    structlog.get_logger("ours").critical("worker_failed", error="ValueError", reason=str(error), exc_info=error)
    logging.getLogger("aiokafka.conn").error("it broke", exc_info=error)
    for line in written(capsys):
        assert (line["error"]["type"], line["error"]["message"]) == ("ValueError", "no such thing")
        assert line["error"]["stack_trace"].endswith("ValueError: no such thing")


def test_the_reason_of_a_refusal_is_an_error_and_that_of_a_choice_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    structlog.get_logger("ours").warning("dead_letter", call="c-1", code="Undecodable", reason="is no WAV")
    structlog.get_logger("ours").info("compressed", call="c-1", reason="default")
    refusal, choice = written(capsys)
    assert refusal["error"] == {"code": "Undecodable", "message": "is no WAV"}
    assert choice["audio"]["reason"] == "default"


def test_of_our_own_warnings_a_surge_is_held_back_and_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("streams.logs.RateLimit", lambda: RateLimit(10, clock=lambda: now[0]))
    configure_logs("info", "1.2.3")
    log = structlog.get_logger("ours")
    for number in range(250):
        log.warning("dead_letter", code="Undecodable", offset=number)
        log.info("compressed", offset=number)
    log.warning("dead_letter", code="MissingHeader", offset=250)
    now[0] = 111.0
    log.warning("dead_letter", code="Undecodable", offset=251)
    lines = written(capsys)
    refusals = [line for line in lines if line["message"] == "dead_letter"]
    assert [line["kafka"]["offset"] for line in refusals] == [*range(100), 250, 251]
    assert [line["audio"]["repeated"] for line in refusals if "audio" in line] == [150]
    assert len(lines) - len(refusals) == 250


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
